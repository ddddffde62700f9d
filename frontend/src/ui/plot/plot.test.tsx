import { fireEvent, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { show } from "../../test/render";
import { pathOf } from "./Line";
import { Meter } from "./Meter";
import { StackedBars, stack } from "./StackedBars";
import { ticks } from "./scale";

const SERIES = [
  { id: "a", title: "Delivered", tone: 1 },
  { id: "b", title: "Refused", tone: 4 },
] as const;
const POINTS = [
  { label: "Mon", values: { a: 3, b: 1 } },
  { label: "Tue", values: { a: 2 } },
];

test("each plot has its table", async () => {
  await show(<StackedBars title="Volume" axis="Day" series={[...SERIES]} points={POINTS} />);
  fireEvent.click(await screen.findByRole("button", { name: "Show table" }));
  const cells = screen.getAllByRole("row").map((row) => row.textContent);
  expect(cells).toEqual(["DayDeliveredRefused", "Mon31", "Tue20"]);
});

test("bars stand on each other, without those that are nothing", () => {
  expect(stack({ label: "", values: { a: 3, b: 1 } }, [...SERIES])).toMatchObject([
    { from: 0, to: 3 },
    { from: 3, to: 4 },
  ]);
  expect(stack({ label: "", values: { b: 1 } }, [...SERIES])).toMatchObject([{ id: "b", from: 0 }]);
});

test("a line has a gap where a value is missing", () => {
  const points = [{ a: 1 }, {}, { a: 3 }, { a: 4 }].map((values) => ({ label: "", values }));
  expect(pathOf(points, "a", { x: (at) => at, y: (value) => value })).toBe("M0.0 1.0M2.0 3.0L3.0 4.0");
});

test.each([
  [0, [0, 1]],
  [7, [0, 3, 6, 9]],
  [255, [0, 100, 200, 300]],
  [0.5, [0, 0.2, 0.4, 0.6]],
])("the axis ends at a round value above %d", (most, lines) => {
  expect(ticks(most).map((line) => Math.round(line * 10) / 10)).toEqual(lines);
});

test("a meter says in words what it shows", async () => {
  await show(<Meter title="Domains" value={1} limit={3} />);
  expect(await screen.findByRole("img", { name: "Domains: 1 / 3" })).toBeTruthy();
});
