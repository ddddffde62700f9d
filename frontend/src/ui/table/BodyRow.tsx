// One row, drawn anew only when it changes. A press anywhere opens it, but on what is pressed by itself.
import { useLingui } from "@lingui/react/macro";
import { type MouseEvent, memo } from "react";
import { Box } from "./Box";
import type { Column } from "./columns";
import styles from "./table.module.css";

interface Props<Row> {
  row: Row;
  index: number;
  columns: Column<Row>[];
  isTabStop: boolean;
  isCurrent: boolean;
  isChosen: boolean | undefined;
  onToggle: (row: Row) => void;
  onFocus: (index: number) => void;
  onOpen: ((row: Row) => void) | undefined;
}

function Plain<Row>(props: Props<Row>) {
  const { row, index, columns, isTabStop, isCurrent, isChosen, onToggle, onFocus, onOpen } = props;
  const { t } = useLingui();
  const walks = onOpen !== undefined || isChosen !== undefined;
  return (
    <tr
      className={styles.row}
      aria-rowindex={index + 2}
      aria-current={isCurrent || undefined}
      data-opens={onOpen !== undefined}
      data-chosen={isChosen}
      tabIndex={walks ? (isTabStop ? 0 : -1) : undefined}
      onFocus={() => onFocus(index)}
      onClick={(event) => {
        if (onOpen !== undefined && !isOwnPress(event)) onOpen(row);
      }}
    >
      {isChosen !== undefined && (
        <td className={styles.check}>
          <Box
            isOn={isChosen}
            onChange={() => onToggle(row)}
            tabIndex={-1}
            label={t`Choose row ${index + 1}`}
          />
        </td>
      )}
      {columns.map(({ id, cell, align }) => (
        <td key={id} data-align={align}>
          {cell(row)}
        </td>
      ))}
    </tr>
  );
}

export const BodyRow = memo(Plain) as typeof Plain;

/** On a link, a button, a field; or the end of selecting text. */
export function isOwnPress(event: MouseEvent): boolean {
  if (!(event.target instanceof Element)) return true;
  if (event.target.closest("a, button, input, label, [role=menuitem]") !== null) return true;
  return (window.getSelection()?.toString() ?? "") !== "";
}
