// Live events: one EventSource for the whole browser. A tab holds a lock and listens; it tells the others by
// BroadcastChannel. Over HTTP/1.1 a stream for each tab would leave none of the six connections for requests.
import { useEffect, useSyncExternalStore } from "react";
import type { Shown } from "./client";
import { markHere } from "./reach";

export const KINDS = [
  "log",
  "queue",
  "domain",
  "alias",
  "destination",
  "account",
  "plan",
  "export",
  "support",
] as const;
export type Kind = (typeof KINDS)[number];

/** A change that was noted: what it says is asked for anew. */
export interface Change {
  subject_id: string | null;
  at: string;
  data: Record<string, unknown>;
}
export interface LogEvent {
  message: Shown["Message"];
  event: Shown["Event"];
}
/** `reset`: too long was missed, load everything anew. */
export type News =
  | { kind: "log"; id: string; body: LogEvent }
  | { kind: Exclude<Kind, "log">; id: string; body: Change }
  | { kind: "reset"; id: string };

export type LiveState = "connecting" | "live" | "lost";
type Said = { news: News } | { state: LiveState; id: string } | { moved: true } | { hello: true };

const NAME = "clearpost-live";
const AGAIN_AFTER = 3000;
const listeners = new Set<(news: News) => void>();
const watchers = new Set<() => void>();
let state: LiveState = "connecting";
let lastId = "";
let leads = false;
let channel: BroadcastChannel | undefined;

/** Once, from main.tsx. The lock is given back when the tab is closed: then the next one leads. */
export function startLive(): void {
  if (channel !== undefined || !("locks" in navigator)) return;
  channel = new BroadcastChannel(NAME);
  channel.onmessage = (message: MessageEvent<Said>) => hear(message.data);
  channel.postMessage({ hello: true } satisfies Said);
  void navigator.locks.request(NAME, () => {
    leads = true;
    connect();
    return new Promise(() => undefined);
  });
}

function hear(said: Said): void {
  if ("news" in said) take(said.news);
  else if ("state" in said) become(said.state, said.id);
  else if ("moved" in said) window.location.assign("/overview");
  else if (leads) tell({ state, id: lastId });
}

function connect(): void {
  const query = lastId === "" ? "" : `?after=${encodeURIComponent(lastId)}`;
  const source = new EventSource(`/v1/events${query}`);
  source.addEventListener("ready", (event) => announce("live", event.lastEventId));
  source.addEventListener("reset", (event) => give({ kind: "reset", id: event.lastEventId }));
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => {
      give({ kind, id: event.lastEventId, body: JSON.parse(event.data) } as News);
    });
  }
  source.onerror = () => {
    announce("lost", lastId);
    // The browser comes again by itself, unless it was answered with an error: then we do.
    if (source.readyState !== EventSource.CLOSED) return;
    source.close();
    setTimeout(connect, AGAIN_AFTER);
  };
}

function announce(next: LiveState, id: string): void {
  become(next, id);
  tell({ state: next, id });
}

function give(news: News): void {
  take(news);
  tell({ news });
  if (news.kind === "reset") announce("live", news.id);
}

function tell(said: Said): void {
  channel?.postMessage(said);
}

function become(next: LiveState, id: string): void {
  if (id !== "") lastId = id;
  state = next;
  // A stream that has just begun is an answer like any other: nobody has to ask first whether we are here.
  if (next === "live") markHere();
  for (const run of watchers) run();
}

function take(news: News): void {
  if (news.id !== "") lastId = news.id;
  for (const run of listeners) run(news);
}

/** After another account was chosen: every tab of this browser works there from now on. */
export function moveAllTabs(): void {
  channel?.postMessage({ moved: true } satisfies Said);
  window.location.assign("/overview");
}

export function onNews(run: (news: News) => void): () => void {
  listeners.add(run);
  return () => listeners.delete(run);
}

/** For the log's tail: `run` must be stable (useCallback). */
export function useNews(run: (news: News) => void): void {
  useEffect(() => onNews(run), [run]);
}

export function useLive(): LiveState {
  return useSyncExternalStore(
    (run) => {
      watchers.add(run);
      return () => watchers.delete(run);
    },
    () => state,
  );
}
