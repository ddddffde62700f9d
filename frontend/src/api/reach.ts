// Whether the API answers: told by every request, read by the banner, asked again while it does not.
import { useSyncExternalStore } from "react";

type Reach = "here" | "away";

let now: Reach = "here";
let timer: ReturnType<typeof setTimeout> | undefined;
const heard = new Set<() => void>();
const returned = new Set<() => void>();
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 15_000;

export function reach(): Reach {
  return now;
}

/** Runs when the API answers again after a silence. */
export function onReturn(run: () => void): () => void {
  returned.add(run);
  return () => returned.delete(run);
}

export function markHere(): void {
  if (now === "here") return;
  clearTimeout(timer);
  set("here");
  for (const run of returned) run();
}

export function markAway(): void {
  if (now === "away") return;
  set("away");
  askAgain(FIRST_WAIT);
}

/** At once: the banner's button. */
export async function askNow(): Promise<void> {
  const answer = await fetch("/healthz").catch(() => undefined);
  if (answer?.ok) markHere();
}

function askAgain(wait: number): void {
  timer = setTimeout(async () => {
    await askNow();
    if (now === "away") askAgain(Math.min(wait * 2, LONGEST_WAIT));
  }, wait);
}

function set(next: Reach): void {
  now = next;
  for (const run of heard) run();
}

function subscribe(run: () => void): () => void {
  heard.add(run);
  return () => heard.delete(run);
}

export function useReach(): Reach {
  return useSyncExternalStore(subscribe, reach);
}
