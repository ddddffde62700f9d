// What stands around each plot: its title, its legend, and the table that says the same.
import { useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { number } from "../../data/figures";
import styles from "./plot.module.css";

export type Tone = 1 | 2 | 3 | 4 | 5;
export interface Series {
  id: string;
  title: string;
  tone: Tone;
}
/** One step of the x axis; a value that is not there is 0. */
export interface Point {
  label: string;
  values: Record<string, number | undefined>;
}

interface Props {
  title: string;
  /** Of the first column of the table: "Day". */
  axis: string;
  series: Series[];
  points: Point[];
  /** Beside each series in the legend: its sum, unless something else says more. */
  total?: (series: Series) => string;
  format?: (value: number) => string;
  /** In the table where a value is missing; left out: as 0 is written. */
  gap?: string;
  children: ReactNode;
}

export function Plot({ title, axis, series, points, total, format = number, gap, children }: Props) {
  const { t } = useLingui();
  const [isTable, setTable] = useState(false);
  const sum = (id: string) => points.reduce((all, { values }) => all + (values[id] ?? 0), 0);
  return (
    <figure className={styles.plot}>
      <figcaption className={styles.head}>
        <span className={styles.title}>{title}</span>
        <ul className={styles.legend}>
          {series.map((each) => (
            <li key={each.id}>
              <span className={styles.swatch} data-tone={each.tone} />
              {each.title} <strong>{total?.(each) ?? format(sum(each.id))}</strong>
            </li>
          ))}
        </ul>
        <Button size="xs" variant="subtle" aria-pressed={isTable} onClick={() => setTable(!isTable)}>
          {isTable ? t`Show plot` : t`Show table`}
        </Button>
      </figcaption>
      {isTable ? <Table {...{ title, axis, series, points, format, gap: gap ?? format(0) }} /> : children}
    </figure>
  );
}

function Table({
  title,
  axis,
  series,
  points,
  format,
  gap,
}: Required<Pick<Props, "title" | "axis" | "series" | "points" | "format">> & { gap: string }) {
  return (
    <div className={styles.scroll}>
      <table className={styles.table}>
        <caption className="sr-only">{title}</caption>
        <thead>
          <tr>
            <th scope="col">{axis}</th>
            {series.map(({ id, title: name }) => (
              <th key={id} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {points.map(({ label, values }) => (
            <tr key={label}>
              <th scope="row">{label}</th>
              {series.map(({ id }) => (
                <td key={id}>{values[id] === undefined ? gap : format(values[id])}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
