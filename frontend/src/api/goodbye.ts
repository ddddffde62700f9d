// The account was deleted in this tab. From then on nothing is asked, and nobody is sent to sign in: its receipt
// is on screen, and nowhere else.
import type { Shown } from "./client";

export interface Goodbye {
  name: string;
  receipt: Shown["Receipt"];
}

let said: Goodbye | undefined;
const watchers = new Set<() => void>();

export function sayGoodbye(goodbye: Goodbye): void {
  said = goodbye;
  for (const run of watchers) run();
}

export function goodbye(): Goodbye | undefined {
  return said;
}

export function onGoodbye(run: () => void): () => void {
  watchers.add(run);
  return () => watchers.delete(run);
}
