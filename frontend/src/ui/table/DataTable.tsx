// The table of every list: sorted, chosen from, walked through by keys; cards on phones; thousands of rows.
//
//   <DataTable label={t`Aliases`} columns={columns} list={useList("/v1/aliases", { q })} rowKey={(row) => row.id}
//     onOpen={(row) => navigate(...)} empty={<EmptyState ... />} />
import { useMediaQuery } from "@mantine/hooks";
import { type KeyboardEvent, type ReactNode, useMemo, useRef, useState } from "react";
import type { List } from "../../api/lists";
import { ProblemNote } from "../notes";
import { Skeleton } from "../Skeleton";
import { BodyRow } from "./BodyRow";
import { Cards } from "./Cards";
import { type Column, inOrder, nextOrder, type Order } from "./columns";
import { Head } from "./Head";
import { MoreRows } from "./MoreRows";
import styles from "./table.module.css";
import { FEW, useWindow } from "./useWindow";

/** Of a row in px, as table.module.css has it. */
const HEIGHT = 40;
export const NARROW = "(max-width: 37.5rem)";

export interface Chosen {
  keys: ReadonlySet<string>;
  set: (keys: ReadonlySet<string>) => void;
}

interface Props<Row> {
  label: string;
  columns: Column<Row>[];
  /** Of useList; or `rows` alone, where all are there. */
  list?: List<Row>;
  rows?: Row[];
  rowKey: (row: Row) => string;
  /** Instead of the table where there are no rows. */
  empty: ReactNode;
  /** A press on the row, or Enter. The main cell should be a link to the same place. */
  onOpen?: (row: Row) => void;
  /** Rows to act on: a checkbox before each. */
  chosen?: Chosen;
  /** The row that is open beside the list. */
  current?: string | undefined;
}

export function DataTable<Row>(props: Props<Row>) {
  const { list, columns, empty } = props;
  const isNarrow = useMediaQuery(NARROW) ?? false;
  const [order, setOrder] = useState<Order>();
  const all = props.rows ?? list?.rows;
  const rows = useMemo(() => inOrder(all ?? [], columns, order), [all, columns, order]);
  if (list?.problem) return <ProblemNote error={list.problem} again={list.again} />;
  if (list?.isPending) return <Skeleton lines={6} />;
  if (rows.length === 0) return empty;
  const shared = { ...props, rows };
  return (
    <div className={styles.around} data-stale={list?.isStale ?? false}>
      {isNarrow ? (
        <Cards {...shared} />
      ) : (
        <Rows {...shared} order={order} onOrder={(id) => setOrder(nextOrder(order, id))} />
      )}
      {list !== undefined && <MoreRows list={list} />}
    </div>
  );
}

interface RowsProps<Row> extends Props<Row> {
  rows: Row[];
  order: Order | undefined;
  onOrder: (id: string) => void;
}

function Rows<Row>({
  label,
  columns,
  list,
  rows,
  rowKey,
  onOpen,
  chosen,
  current,
  order,
  onOrder,
}: RowsProps<Row>) {
  const body = useRef<HTMLTableSectionElement>(null);
  const { first, last } = useWindow(body, rows.length, HEIGHT);
  const [at, setAt] = useState(0);
  const width = columns.length + (chosen === undefined ? 0 : 1);
  const toggle = (row: Row) => chosen?.set(toggled(chosen.keys, rowKey(row)));
  const onKey = (event: KeyboardEvent<HTMLTableSectionElement>) => {
    if (!(event.target instanceof HTMLTableRowElement)) return;
    const row = rows[at];
    const next = goesTo(event.key, at, rows.length);
    if (next !== undefined) {
      setAt(next);
      focusRow(body.current, next, HEIGHT);
    } else if (event.key === "Enter" && row !== undefined) {
      onOpen?.(row);
    } else if ((event.key === " " || event.key === "x") && row !== undefined && chosen !== undefined) {
      toggle(row);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <table
      className={styles.table}
      data-fixed={rows.length > FEW}
      aria-label={label}
      aria-rowcount={list?.hasMore ? -1 : rows.length + 1}
    >
      <Head
        columns={columns}
        order={order}
        onOrder={list?.hasMore ? undefined : onOrder}
        chosen={chosen}
        keys={chosen === undefined ? [] : rows.map(rowKey)}
      />
      <tbody ref={body} onKeyDown={onKey}>
        <Spacer height={first * HEIGHT} width={width} />
        {rows.slice(first, last).map((row, offset) => {
          const key = rowKey(row);
          return (
            <BodyRow
              key={key}
              row={row}
              index={first + offset}
              columns={columns}
              isTabStop={first + offset === at || (at >= rows.length && offset === 0)}
              isCurrent={key === current}
              isChosen={chosen?.keys.has(key)}
              onToggle={() => toggle(row)}
              onFocus={setAt}
              onOpen={onOpen}
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

export function toggled(keys: ReadonlySet<string>, key: string): Set<string> {
  const next = new Set(keys);
  if (!next.delete(key)) next.add(key);
  return next;
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
