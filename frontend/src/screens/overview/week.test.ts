import { expect, test } from "vitest";
import { speedsOf, volumesOf } from "./week";

const DAY = { delivered: 3, soft_bounced: 1, hard_bounced: 0, refused: 2, waiting: 4 };
const FOUND = {
  by: "day" as const,
  data: [
    { at: "2026-11-21T00:00:00Z", ...DAY },
    { at: "2026-11-22T00:00:00Z", ...DAY },
  ],
  speeds: [{ day: "2026-11-22", lane: "fast" as const, delivered: 3, p50_ms: 840, p95_ms: 3120 }],
};

test("what was put off waits like what was not tried yet", () => {
  expect(volumesOf(FOUND)[0]).toEqual({
    day: "2026-11-21",
    values: { delivered: 3, waiting: 5, hard: 0, refused: 2 },
  });
});

test("a day without deliveries is a gap, not a speed of nothing", () => {
  expect(speedsOf(FOUND).map(({ values }) => values.p50)).toEqual([undefined, 840]);
});
