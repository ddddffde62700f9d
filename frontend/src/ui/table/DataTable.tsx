// The table of every list: sorted, chosen from, walked through by keys; cards on phones; thousands of rows.
//
//   <DataTable label={t`Aliases`} columns={columns} list={useList("/v1/aliases", { q })} rowKey={(row) => row.id}
//     onOpen={(row) => navigate(...)} empty={<EmptyState ... />} />
import { useMediaQuery } from "@mantine/hooks";
import { type ReactNode, useMemo, useState } from "react";
import type { List } from "../../api/lists";
import { ProblemNote } from "../notes";
import { Skeleton } from "../Skeleton";
import { Cards } from "./Cards";
import { type Column, inOrder, nextOrder, type Order } from "./columns";
import { MoreRows } from "./MoreRows";
import { Rows } from "./Rows";
import styles from "./table.module.css";

export const NARROW = "(max-width: 37.5rem)";

export interface Chosen {
  keys: ReadonlySet<string>;
  set: (keys: ReadonlySet<string>) => void;
}

export interface TableProps<Row> {
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

export function DataTable<Row>(props: TableProps<Row>) {
  const { list, columns, empty } = props;
  const isNarrow = useMediaQuery(NARROW, false, { getInitialValueInEffect: false });
  const [order, setOrder] = useState<Order>();
  const all = props.rows ?? list?.rows;
  const rows = useMemo(() => inOrder(all ?? [], columns, order), [all, columns, order]);
  if (list?.problem) return <ProblemNote error={list.problem} again={list.again} />;
  if (list?.isPending) return <Skeleton lines={6} />;
  // A search by pages may find nothing on one, and more behind it.
  if (rows.length === 0 && !list?.hasMore) return empty;
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

export function toggled(keys: ReadonlySet<string>, key: string): Set<string> {
  const next = new Set(keys);
  if (!next.delete(key)) next.add(key);
  return next;
}
