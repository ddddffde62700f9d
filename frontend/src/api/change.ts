// Changes that show at once: the page is patched before the API has answered, put back if it refuses, and
// can be undone for some seconds.
import { type Query, type QueryClient, type QueryKey, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { toast } from "../ui/toasts";
import { problemOf } from "./problem";

export interface Optimistic<Given, Done> {
  /** Asks the API. Throws Problem. */
  run: (given: Given) => Promise<Done>;
  /** Patches what is on screen: `patch(queries, "/v1/aliases", id, (alias) => ({ ...alias, paused: true }))`. */
  show: (queries: QueryClient, given: Given) => void;
  /** What happened, in the past tense: "hello@example.org paused". */
  said: (given: Given) => string;
  /** Asks the API to take it back. Left out: `run` waits until the time for undo is over (deletions). */
  undo?: (given: Given, done: Done) => Promise<unknown>;
  /** Puts the answer in place of what was guessed. Then nothing is asked anew: a long list has many pages. */
  keep?: (queries: QueryClient, done: Done, given: Given) => void;
  /** The paths that are asked for anew afterwards; those of `show` at least. */
  touches: string[];
}

type Snapshot = [QueryKey, unknown][];

/** `const pause = useChange({...}); pause(alias)`. Returns when it is on screen. */
export function useChange<Given, Done>(what: Optimistic<Given, Done>): (given: Given) => Promise<void> {
  const queries = useQueryClient();
  return useCallback((given) => change(queries, what, given), [queries, what]);
}

export async function change<Given, Done>(
  queries: QueryClient,
  what: Optimistic<Given, Done>,
  given: Given,
): Promise<void> {
  const touched = (path: unknown) => typeof path === "string" && what.touches.includes(path);
  const filter = { predicate: ({ queryKey }: { queryKey: QueryKey }) => touched(queryKey[1]) };
  // Not awaited: a switch that is shown late is seen to jump back first. What is cancelled is put back at once.
  void queries.cancelQueries(filter);
  const before: Snapshot = queries.getQueriesData(filter);
  what.show(queries, given);
  const release = keepShown(queries, filter.predicate, () => what.show(queries, given));
  const restore = () => {
    release();
    for (const [key, data] of before) queries.setQueryData(key, data);
  };
  const refuse = (error: unknown) => {
    restore();
    toast({ text: problemOf(error).detail, tone: "bad" });
  };
  const settle = () => void queries.invalidateQueries(filter);
  const run = async () => {
    try {
      const done = await what.run(given);
      release();
      if (what.keep === undefined) settle();
      else what.keep(queries, done, given);
      return { done };
    } catch (error) {
      refuse(error);
      settle();
      return undefined;
    }
  };
  const { undo } = what;
  if (undo === undefined) {
    const undone = () => {
      restore();
      settle();
    };
    toast({ text: what.said(given), undo: undone, over: () => void run() });
    return;
  }
  const ran = run();
  toast({
    text: what.said(given),
    unless: ran.then((found) => found === undefined),
    undo: async () => {
      const found = await ran;
      if (found === undefined) return;
      restore();
      await undo(given, found.done).catch((error) => toast({ text: problemOf(error).detail, tone: "bad" }));
      settle();
    },
  });
}

/** Shows a change again on whatever the API says before it knows of it. Returns how to end that. */
function keepShown(queries: QueryClient, isTouched: (query: Query) => boolean, show: () => void): () => void {
  return queries.getQueryCache().subscribe((event) => {
    if (event.type !== "updated" || event.action.type !== "success") return;
    if (!event.action.manual && isTouched(event.query)) show();
  });
}

type WithId = { id: string };
type Held = WithId | { data: WithId[] } | { pages: { data: WithId[] }[] } | undefined;

/** Changes one thing wherever it is held under this path: alone, in a list, in pages. `null` takes it away. */
export function patch<Item extends WithId>(
  queries: QueryClient,
  path: string,
  id: string,
  become: (item: Item) => Item | null,
): void {
  const one = (item: WithId): WithId[] => {
    if (item.id !== id) return [item];
    const next = become(item as Item);
    return next === null ? [] : [next];
  };
  const within = (held: Held): Held => {
    if (held === undefined) return held;
    if ("pages" in held) {
      return { ...held, pages: held.pages.map((page) => ({ ...page, data: page.data.flatMap(one) })) };
    }
    if ("data" in held && Array.isArray(held.data)) return { ...held, data: held.data.flatMap(one) };
    return "id" in held ? (one(held)[0] ?? held) : held;
  };
  queries.setQueriesData<Held>({ predicate: ({ queryKey }) => queryKey[1] === path }, within);
}
