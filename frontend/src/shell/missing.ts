// A part of the portal that could not be fetched: the API is away, or a release has taken the files of this page.
// Must never load the page anew over what somebody looks at, nor twice in a row.
import { lazyRouteComponent } from "@tanstack/react-router";
import { askNow, markAway, onReturn, reach } from "../api/reach";

const KEY = "clearpost-anew";
const AGAIN_AFTER = 60_000;
const WORDS = /dynamically imported module|Importing a module script failed|Unable to preload CSS/;

export class MissingPart extends Error {}

export function isMissing(error: unknown): boolean {
  return error instanceof MissingPart || (error instanceof Error && WORDS.test(error.message));
}

/** Without the router's own answer, which loads anew at once: while the API is away that ends in nothing. */
export const lazyScreen: typeof lazyRouteComponent = (load, name) =>
  lazyRouteComponent(async () => {
    try {
      return await load();
    } catch (error) {
      throw isMissing(error) ? new MissingPart("a part is missing", { cause: error }) : error;
    }
  }, name);

/** Loads the page anew as soon as that can help. False where it was tried just now, and did not. */
export function mayLoadAnew(now: number = Date.now()): boolean {
  return now - Number(sessionStorage.getItem(KEY) ?? 0) > AGAIN_AFTER;
}

/** Returns how to stop waiting. */
export function loadAnew(reload: () => void = () => window.location.reload()): () => void {
  let isOver = false;
  const run = () => {
    if (isOver) return;
    sessionStorage.setItem(KEY, String(Date.now()));
    reload();
  };
  const stop = onReturn(run);
  void fetch("/healthz")
    .then((answer) => answer.ok)
    .catch(() => false)
    .then((isHere) => {
      if (!isHere) markAway();
      else if (reach() === "here") run();
      else void askNow();
    });
  return () => {
    isOver = true;
    stop();
  };
}
