import { expect, test } from "vitest";
import { hourOf, relatively, span } from "./moments";

const NOW = Date.parse("2026-11-22T12:00:00Z");

test.each([
  ["2026-11-22T12:00:02Z", "now"],
  ["2026-11-22T12:04:10Z", "in 4 min."],
  ["2026-11-22T10:00:00Z", "2 hr. ago"],
  ["2026-11-21T11:00:00Z", "yesterday"],
])("a moment is told as people say it: %s", (at, words) => {
  expect(relatively(at, NOW)).toBe(words);
});

test("a moment of long ago is a date", () => {
  expect(relatively("2026-01-02T12:00:00Z", NOW)).toBe("Jan 2, 2026");
});

test.each([
  [0, "0 s"],
  [-5, "0 s"],
  [8, "8 s"],
  [250, "4 min 10 s"],
  [3600, "1 h"],
  [5 * 86_400 + 3 * 3600 + 59, "5 d 3 h"],
  [86_400 + 59, "1 d"],
])("a span has two steps at most: %i", (seconds, words) => {
  expect(span(seconds)).toBe(words);
});

test("an hour says its day once, at midnight too", () => {
  const told = hourOf("2026-11-15T23:00:00Z");
  expect(told.match(/Nov/g)).toHaveLength(1);
  expect(told.match(/:00/g)).toHaveLength(2);
});
