// The heads of columns: what sorts is a button, what is chosen can be chosen whole.
import { useLingui } from "@lingui/react/macro";
import { IconDown, IconUp } from "../icons";
import { Box } from "./Box";
import type { Column, Order } from "./columns";
import type { Chosen } from "./DataTable";
import styles from "./table.module.css";

interface Props<Row> {
  columns: Column<Row>[];
  order: Order | undefined;
  /** Undefined while rows are missing: sorted they would lie. */
  onOrder: ((id: string) => void) | undefined;
  chosen: Chosen | undefined;
  keys: string[];
}

export function Head<Row>({ columns, order, onOrder, chosen, keys }: Props<Row>) {
  return (
    <thead>
      <tr>
        {chosen !== undefined && <ChooseAll chosen={chosen} keys={keys} />}
        {columns.map(({ id, title, sort, align, width, isActions }) => (
          <th
            key={id}
            scope="col"
            data-align={align}
            style={width === undefined ? undefined : { width }}
            aria-sort={order?.id === id ? (order.isDown ? "descending" : "ascending") : undefined}
          >
            {sort === undefined || onOrder === undefined ? (
              <span className={isActions ? "sr-only" : undefined}>{title}</span>
            ) : (
              <button type="button" className={styles.sort} onClick={() => onOrder(id)}>
                {title}
                {order?.id === id && (order.isDown ? <IconDown /> : <IconUp />)}
              </button>
            )}
          </th>
        ))}
      </tr>
    </thead>
  );
}

function ChooseAll({ chosen, keys }: { chosen: Chosen; keys: string[] }) {
  const { t } = useLingui();
  const count = keys.filter((key) => chosen.keys.has(key)).length;
  return (
    <td className={styles.check}>
      <Box
        isOn={count > 0 && count === keys.length}
        isMixed={count > 0 && count < keys.length}
        onChange={() => chosen.set(new Set(count === keys.length ? [] : keys))}
        label={t`Choose all rows`}
      />
    </td>
  );
}
