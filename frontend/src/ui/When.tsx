// A moment, as people say it ("4 min ago"), with the exact one on pointing; it grows old by itself.
import { useSyncExternalStore } from "react";
import { exactly, relatively } from "../data/moments";

let now = Date.now();
const watchers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
const EVERY = 10_000;

function subscribe(run: () => void): () => void {
  watchers.add(run);
  now = Date.now();
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of watchers) each();
  }, EVERY);
  return () => {
    watchers.delete(run);
    if (watchers.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

export function When({ at }: { at: string }) {
  useSyncExternalStore(subscribe, () => now);
  return (
    <time dateTime={at} title={exactly(at)}>
      {relatively(at, Date.now())}
    </time>
  );
}

/** The moment itself, for timelines: "22 Nov, 15:04:05". */
export function At({ at }: { at: string }) {
  return <time dateTime={at}>{exactly(at)}</time>;
}
