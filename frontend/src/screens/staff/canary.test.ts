import { expect, test } from "vitest";
import { wait } from "./canary";

const NOW = Date.parse("2026-11-22T12:00:00Z");

test("a canary is asked for again at the second it expires, and at least each minute", () => {
  expect(wait("2026-11-22T12:00:10Z", NOW)).toBe(10_250);
  expect(wait("2026-12-22T12:00:00Z", NOW)).toBe(60_000);
  expect(wait("2026-11-22T11:59:59Z", NOW)).toBe(60_000);
  expect(wait(null, NOW)).toBe(60_000);
});
