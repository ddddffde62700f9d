import { expect, test } from "vitest";
import { daysOf } from "./Usage";

test("each of the last seven days in UTC is there, the oldest first, also those on which nothing happened", () => {
  const used = [{ day: "2026-11-20", forwarded: 5, refused: 1, bytes: 9 }];
  const days = daysOf(used, Date.parse("2026-11-22T00:30:00Z"));
  expect(days.map(({ values }) => values.forwarded)).toEqual([0, 0, 0, 0, 5, 0, 0]);
  expect(new Set(days.map(({ label }) => label)).size).toBe(7);
});
