import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { isMissing, loadAnew, MissingPart, mayLoadAnew } from "./missing";

const answer = (status: number) => vi.stubGlobal("fetch", async () => new Response(null, { status }));

beforeEach(() => sessionStorage.clear());
afterEach(() => vi.unstubAllGlobals());

test("what a browser says of a file that is gone is known; other faults are not it", () => {
  expect(isMissing(new TypeError("Failed to fetch dynamically imported module: /assets/a.js"))).toBe(true);
  expect(isMissing(new MissingPart())).toBe(true);
  expect(isMissing(new TypeError("x is undefined"))).toBe(false);
});

test("while the API answers the page loads anew, once", async () => {
  answer(200);
  const reload = vi.fn();
  expect(mayLoadAnew()).toBe(true);
  loadAnew(reload);
  await vi.waitFor(() => expect(reload).toHaveBeenCalledTimes(1));
  expect(mayLoadAnew()).toBe(false);
  expect(mayLoadAnew(Date.now() + 61_000)).toBe(true);
});

test("while the API is away the page waits for it", async () => {
  answer(503);
  const reload = vi.fn();
  const stop = loadAnew(reload);
  const { askNow, reach } = await import("../api/reach");
  await vi.waitFor(() => expect(reach()).toBe("away"));
  expect(reload).not.toHaveBeenCalled();
  answer(200);
  await askNow();
  expect(reload).toHaveBeenCalledTimes(1);
  stop();
});
