import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { toast } from "../ui/toasts";
import { addCommands } from "./commands";
import { listenForKeys } from "./keys";

const go = vi.fn();
const help = vi.fn();
const find = vi.fn();
let stop: () => void;
let remove: () => void;

beforeEach(() => {
  for (const each of [go, help, find]) each.mockClear();
  stop = listenForKeys();
  remove = addCommands([
    { id: "1", title: "Domains", keys: "g d", group: "", run: go },
    { id: "2", title: "Help", keys: "?", group: "", run: help },
    { id: "3", title: "Find", keys: "mod+k", group: "", run: find },
  ]);
});

afterEach(() => {
  stop();
  remove();
  document.body.replaceChildren();
});

function press(key: string, more: KeyboardEventInit = {}, target: EventTarget = document.body): void {
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
}

test("two keys, one after the other, go somewhere", () => {
  press("g");
  press("d");
  expect(go).toHaveBeenCalledOnce();
});

test("a key between them ends it", () => {
  press("g");
  press("x");
  press("d");
  expect(go).not.toHaveBeenCalled();
});

test("who writes keeps their keys, but for those pressed together", () => {
  const input = document.body.appendChild(document.createElement("input"));
  press("?", {}, input);
  press("k", { ctrlKey: true }, input);
  expect(help).not.toHaveBeenCalled();
  expect(find).toHaveBeenCalledOnce();
});

test("an open dialog keeps its keys", () => {
  document.body.appendChild(document.createElement("dialog")).setAttribute("open", "");
  press("?");
  expect(help).not.toHaveBeenCalled();
});

test("z undoes the last change, once", () => {
  const undo = vi.fn();
  toast({ text: "Paused", undo });
  press("z");
  press("z");
  expect(undo).toHaveBeenCalledOnce();
});
