// The rows on wide screens: a table of which only what is near the screen is in the page.
import { type KeyboardEvent, useCallback, useMemo, useRef, useState } from "react";
import { BodyRow } from "./BodyRow";
import type { Order } from "./columns";
import { type TableProps, toggled } from "./DataTable";
import { Head } from "./Head";
import styles from "./table.module.css";
import { FEW, useWindow } from "./useWindow";

/** Of a row in px, as table.module.css has it. */
const HEIGHT = 40;

interface Props<Row> extends TableProps<Row> {
  rows: Row[];
  order: Order | undefined;
  onOrder: (id: string) => void;
}

export function Rows<Row>(props: Props<Row>) {
  const { label, columns, list, rows, rowKey, onOpen, chosen, current, order, onOrder } = props;
  const body = useRef<HTMLTableSectionElement>(null);
  const { first, last } = useWindow(body, rows.length, HEIGHT);
  const [at, setAt] = useState(0);
  // One function for all rows and all times: a row that is still on screen is not drawn anew while scrolling.
  const now = useRef(props);
  now.current = props;
  const toggle = useCallback((row: Row) => {
    const { chosen: held, rowKey: keyOf } = now.current;
    held?.set(toggled(held.keys, keyOf(row)));
  }, []);
  const open = useCallback((row: Row) => now.current.onOpen?.(row), []);
  const keyOf = useRef(rowKey);
  const keys = useMemo(() => rows.map((row) => keyOf.current(row)), [rows]);
  const onKey = (event: KeyboardEvent<HTMLTableSectionElement>) => {
    if (!(event.target instanceof HTMLTableRowElement)) return;
    const row = rows[at];
    const next = goesTo(event.key, at, rows.length);
    if (next !== undefined) {
      setAt(next);
      focusRow(body.current, next, HEIGHT);
    } else if (event.key === "Enter" && row !== undefined) {
      open(row);
    } else if ((event.key === " " || event.key === "x") && row !== undefined && chosen !== undefined) {
      toggle(row);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  const width = columns.length + (chosen === undefined ? 0 : 1);
  // Where all columns but one have their width, that one gets the rest, whatever stands in it.
  const isLaidOut = columns.filter(({ width }) => width === undefined).length === 1;
  return (
    <table
      className={styles.table}
      data-fixed={rows.length > FEW || isLaidOut}
      aria-label={label}
      aria-rowcount={list?.hasMore ? -1 : rows.length + 1}
    >
      <Head
        columns={columns}
        order={order}
        onOrder={list?.hasMore ? undefined : onOrder}
        chosen={chosen}
        keys={keys}
      />
      <tbody ref={body} onKeyDown={onKey}>
        <Spacer height={first * HEIGHT} width={width} />
        {rows.slice(first, last).map((row, offset) => {
          const index = first + offset;
          const key = rowKey(row);
          return (
            <BodyRow
              key={key}
              row={row}
              index={index}
              columns={columns}
              isTabStop={index === at || (at >= rows.length && offset === 0)}
              isCurrent={key === current}
              isChosen={chosen?.keys.has(key)}
              onToggle={toggle}
              onFocus={setAt}
              onOpen={onOpen === undefined ? undefined : open}
            />
          );
        })}
        <Spacer height={(rows.length - last) * HEIGHT} width={width} />
      </tbody>
    </table>
  );
}

function Spacer({ height, width }: { height: number; width: number }) {
  if (height === 0) return null;
  return (
    <tr className={styles.spacer}>
      <td colSpan={width} style={{ height }} />
    </tr>
  );
}

function goesTo(key: string, at: number, count: number): number | undefined {
  switch (key) {
    case "ArrowDown":
    case "j":
      return Math.min(at + 1, count - 1);
    case "ArrowUp":
    case "k":
      return Math.max(at - 1, 0);
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return undefined;
  }
}

/** The row may not be in the page yet: scrolled to first, it is there a frame later. */
function focusRow(body: HTMLElement | null, index: number, height: number): void {
  const find = () => body?.querySelector<HTMLElement>(`tr[aria-rowindex="${index + 2}"]`);
  const row = find();
  if (row) {
    row.focus({ preventScroll: true });
    row.scrollIntoView?.({ block: "nearest" });
    return;
  }
  const top = (body?.getBoundingClientRect().top ?? 0) + window.scrollY;
  window.scrollTo({ top: top + index * height - window.innerHeight / 2 });
  requestAnimationFrame(() => requestAnimationFrame(() => find()?.focus({ preventScroll: true })));
}
