// Keys that run commands. Must never take a key from somebody who writes, nor from an open dialog.
import { undoLast } from "../ui/toasts";
import { commands } from "./commands";

const PATIENCE = 1200;
let before = "";
let timer: ReturnType<typeof setTimeout> | undefined;

/** Once, from the shell. Returns how to stop. */
export function listenForKeys(): () => void {
  window.addEventListener("keydown", onKey);
  return () => window.removeEventListener("keydown", onKey);
}

function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.altKey || event.isComposing) return;
  const together = event.metaKey || event.ctrlKey;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (together) {
    run(`mod+${key}`, event);
    return;
  }
  if (writes(event.target) || document.querySelector("dialog[open]") !== null) return;
  if (run(before === "" ? key : `${before} ${key}`, event)) {
    forget();
  } else if (key === "z" && undoLast()) {
    event.preventDefault();
  } else {
    remember(key);
  }
}

function run(keys: string, event: KeyboardEvent): boolean {
  const found = commands().find((each) => each.keys === keys);
  if (found === undefined) return false;
  event.preventDefault();
  found.run();
  return true;
}

function remember(key: string): void {
  forget();
  if (!commands().some((each) => each.keys?.startsWith(`${key} `))) return;
  before = key;
  timer = setTimeout(forget, PATIENCE);
}

function forget(): void {
  clearTimeout(timer);
  before = "";
}

export function writes(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return (
    target.isContentEditable || target.matches("input:not([type=checkbox], [type=radio]), textarea, select")
  );
}
