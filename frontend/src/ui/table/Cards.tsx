// The rows on phones: each a card, with the main column as its heading.
import { useLingui } from "@lingui/react/macro";
import { useRef } from "react";
import { isOwnPress } from "./BodyRow";
import { Box } from "./Box";
import type { Column } from "./columns";
import { type Chosen, toggled } from "./DataTable";
import styles from "./table.module.css";
import { FEW, useWindow } from "./useWindow";

interface Props<Row> {
  label: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string;
  onOpen?: (row: Row) => void;
  chosen?: Chosen;
}

/** In px: a heading and its lines, as table.module.css has them. */
const LINE = 26;
const AROUND = 48;

export function Cards<Row>({ label, columns, rows, rowKey, onOpen, chosen }: Props<Row>) {
  const { t } = useLingui();
  const list = useRef<HTMLUListElement>(null);
  const shown = columns.filter(({ isExtra }) => !isExtra);
  const main = shown.find(({ isMain }) => isMain) ?? shown[0];
  const lines = shown.filter((each) => each !== main);
  const height = AROUND + lines.length * LINE;
  const { first, last } = useWindow(list, rows.length, height);
  const pad = { paddingTop: first * height, paddingBottom: (rows.length - last) * height };
  return (
    <ul ref={list} className={styles.cards} aria-label={label} style={pad} data-few={rows.length <= FEW}>
      {rows.slice(first, last).map((row) => {
        const key = rowKey(row);
        return (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the heading is a link to the same place
          <li
            key={key}
            className={styles.card}
            data-chosen={chosen?.keys.has(key)}
            onClick={(event) => onOpen !== undefined && !isOwnPress(event) && onOpen(row)}
          >
            <div className={styles.cardHead}>
              <div className={styles.cardMain}>{main?.cell(row)}</div>
              {chosen !== undefined && (
                <Box
                  isOn={chosen.keys.has(key)}
                  onChange={() => chosen.set(toggled(chosen.keys, key))}
                  label={t`Choose`}
                />
              )}
            </div>
            <dl className={styles.lines}>
              {lines.map(({ id, title, cell, isActions }) => (
                <div key={id}>
                  <dt className={isActions ? "sr-only" : undefined}>{title}</dt>
                  <dd>{cell(row)}</dd>
                </div>
              ))}
            </dl>
          </li>
        );
      })}
    </ul>
  );
}
