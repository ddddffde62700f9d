// What can be done from here, in one list: the palette shows it, keys run it, `?` lists the keys.
import { useEffect, useSyncExternalStore } from "react";
import type { Icon } from "../ui/icons";

export interface Command {
  id: string;
  title: string;
  run: () => void;
  icon?: Icon;
  /** "g d": one after the other. "mod+k": together. "?": one. */
  keys?: string;
  group: string;
}

let sets: readonly (readonly Command[])[] = [];
let all: readonly Command[] = [];
const watchers = new Set<() => void>();

export function commands(): readonly Command[] {
  return all;
}

/** Returns how to take them away again. What was added last comes first, and wins its keys. */
export function addCommands(added: readonly Command[]): () => void {
  set([added, ...sets]);
  return () => set(sets.filter((each) => each !== added));
}

function set(next: typeof sets): void {
  sets = next;
  all = next.flat();
  for (const run of watchers) run();
}

/** While the component is on screen. `list` must be stable (useMemo). */
export function useCommands(list: readonly Command[]): void {
  useEffect(() => addCommands(list), [list]);
}

export function useAllCommands(): readonly Command[] {
  return useSyncExternalStore((run) => {
    watchers.add(run);
    return () => watchers.delete(run);
  }, commands);
}
