// What jsdom lacks, and words for the messages of components under test.
import { cleanup } from "@testing-library/react";
import { afterEach } from "vitest";
import { start } from "../i18n";

start();
afterEach(cleanup);

window.matchMedia = (query) =>
  ({
    matches: false,
    media: query,
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
  }) as unknown as MediaQueryList;

window.ResizeObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
};

HTMLDialogElement.prototype.showModal = function showModal() {
  this.open = true;
};
HTMLDialogElement.prototype.close = function close() {
  this.open = false;
};
