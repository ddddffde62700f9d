import { fireEvent, screen, within } from "@testing-library/react";
import { useState } from "react";
import { expect, test, vi } from "vitest";
import { show } from "../../test/render";
import type { Column } from "./columns";
import { DataTable } from "./DataTable";
import { FEW, windowOf } from "./useWindow";

interface Row {
  id: string;
  name: string;
  count: number;
}
const COLUMNS: Column<Row>[] = [
  { id: "name", title: "Name", isMain: true, sort: (row) => row.name, cell: (row) => row.name },
  { id: "count", title: "Count", sort: (row) => row.count, cell: (row) => row.count },
];
const ROWS = [
  { id: "1", name: "beta", count: 10 },
  { id: "2", name: "alpha", count: 9 },
  { id: "3", name: "gamma", count: 100 },
];
const names = () =>
  screen
    .getAllByRole("row")
    .slice(1)
    .map(
      (row) =>
        within(row)
          .getAllByRole("cell")
          .find((cell) => /[a-z]/.test(cell.textContent ?? ""))?.textContent,
    );

function Table({ rows = ROWS, onOpen = () => undefined }: { rows?: Row[]; onOpen?: (row: Row) => void }) {
  const [keys, set] = useState<ReadonlySet<string>>(new Set());
  return (
    <>
      <output>{[...keys].join(" ")}</output>
      <DataTable
        label="Things"
        columns={COLUMNS}
        rows={rows}
        rowKey={(row) => row.id}
        chosen={{ keys, set }}
        onOpen={onOpen}
        empty={<p>Nothing yet</p>}
      />
    </>
  );
}

test("a head sorts up, down, and as it came", async () => {
  await show(<Table />);
  const head = await screen.findByRole("button", { name: "Count" });
  fireEvent.click(head);
  expect(names()).toEqual(["alpha", "beta", "gamma"]);
  expect(screen.getByRole("columnheader", { name: "Count" })).toHaveProperty("ariaSort", "ascending");
  fireEvent.click(head);
  expect(names()).toEqual(["gamma", "beta", "alpha"]);
  fireEvent.click(head);
  expect(names()).toEqual(["beta", "alpha", "gamma"]);
});

test("keys walk through the rows, choose and open them", async () => {
  const open = vi.fn();
  await show(<Table onOpen={open} />);
  const [, first] = await screen.findAllByRole("row");
  first?.focus();
  const press = (key: string) => fireEvent.keyDown(document.activeElement ?? document.body, { key });
  press("j");
  press("x");
  press("Enter");
  expect(screen.getByRole("status").textContent).toBe("2");
  expect(open).toHaveBeenCalledWith(ROWS[1]);
  press("ArrowUp");
  press("Enter");
  expect(open).toHaveBeenLastCalledWith(ROWS[0]);
});

test("one box chooses all, and none again", async () => {
  await show(<Table />);
  const all = await screen.findByRole("checkbox", { name: "Choose all rows" });
  fireEvent.click(all);
  expect(screen.getByRole("status").textContent).toBe("1 2 3");
  fireEvent.click(all);
  expect(screen.getByRole("status").textContent).toBe("");
});

test("a press on a row opens it, a press on its box does not", async () => {
  const open = vi.fn();
  await show(<Table onOpen={open} />);
  fireEvent.click(await screen.findByRole("checkbox", { name: "Choose row 1" }));
  expect(open).not.toHaveBeenCalled();
  fireEvent.click(screen.getByText("beta"));
  expect(open).toHaveBeenCalledOnce();
});

test("an empty list says what it is given to say", async () => {
  await show(<Table rows={[]} />);
  expect(await screen.findByText("Nothing yet")).toBeTruthy();
});

test("of thousands of rows only some are in the page", async () => {
  await show(
    <Table rows={Array.from({ length: 5000 }, (_, id) => ({ id: String(id), name: `n${id}`, count: id }))} />,
  );
  await screen.findByText("n0");
  expect(screen.getAllByRole("row").length).toBeLessThan(80);
});

test("the window follows the scrolling, and few rows have none", () => {
  expect(windowOf(FEW, 40, -4000, 800)).toEqual({ first: 0, last: FEW });
  expect(windowOf(5000, 40, -40_000, 800)).toEqual({ first: 988, last: 1032 });
  expect(windowOf(5000, 40, -400_000, 800)).toEqual({ first: 4988, last: 5000 });
});
