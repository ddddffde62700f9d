// Names and values of one thing: <Facts of={[[t`Created`, <When at={...} />]]} />
import { Fragment, type ReactNode } from "react";
import styles from "./pieces.module.css";

export function Facts({ of }: { of: [name: string, value: ReactNode][] }) {
  return (
    <dl className={styles.facts}>
      {of.map(([name, value]) => (
        <Fragment key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </Fragment>
      ))}
    </dl>
  );
}

/** A hairline box: for a plan, a record, a plot. */
export function Card({ children }: { children: ReactNode }) {
  return <div className={styles.card}>{children}</div>;
}
