// What a column is, and how rows are put in its order.
import type { ReactNode } from "react";

export interface Column<Row> {
  id: string;
  title: string;
  cell: (row: Row) => ReactNode;
  /** By what it sorts; left out where the order says nothing. */
  sort?: (row: Row) => string | number;
  align?: "end";
  /** As CSS: "8rem", "30%". Left out: what is needed. */
  width?: string;
  /** On phones the card's heading; one column has it. */
  isMain?: boolean;
  /** Buttons: they say themselves what they are, so the title is for readers only. */
  isActions?: boolean;
  /** Left out on phones. */
  isExtra?: boolean;
}

export interface Order {
  id: string;
  isDown: boolean;
}

export function inOrder<Row>(rows: Row[], columns: Column<Row>[], order: Order | undefined): Row[] {
  const by = columns.find(({ id }) => id === order?.id)?.sort;
  if (by === undefined || order === undefined) return rows;
  const sign = order.isDown ? -1 : 1;
  return rows.toSorted((a, b) => sign * compare(by(a), by(b)));
}

function compare(a: string | number, b: string | number): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

/** Up, down, as it came. */
export function nextOrder(order: Order | undefined, id: string): Order | undefined {
  if (order?.id !== id) return { id, isDown: false };
  return order.isDown ? undefined : { id, isDown: true };
}
