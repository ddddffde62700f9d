// How much waits, and for whom: one line of figures, and a table of the providers that mail waits for.
import { useLingui } from "@lingui/react/macro";
import type { ReactNode } from "react";
import type { Shown } from "../../api/client";
import { number } from "../../data/figures";
import { Countdown } from "../../ui/Countdown";
import { When } from "../../ui/When";
import styles from "./queue.module.css";

export function Summary({ of: found }: { of: Shown["QueueSummary"] }) {
  const { t } = useLingui();
  const lanes = [...new Set(found.lanes.map(({ lane }) => lane))];
  const inLane = (lane: string) =>
    found.lanes.filter((each) => each.lane === lane).reduce((sum, { count }) => sum + count, 0);
  return (
    <div className={styles.summary}>
      <dl className={styles.figures}>
        <Figure name={t`Waiting`}>{number(found.waiting)}</Figure>
        <Figure name={t`Trying now`}>{number(found.in_progress)}</Figure>
        {found.held > 0 && <Figure name={t`Held`}>{number(found.held)}</Figure>}
        {lanes.length > 1 &&
          lanes.map((lane) => (
            <Figure key={lane} name={t`In the ${lane} lane`}>
              {number(inLane(lane))}
            </Figure>
          ))}
        {found.next_attempt_at !== null && (
          <Figure name={t`Next try`}>
            <Countdown until={found.next_attempt_at} over={t`Due`} />
          </Figure>
        )}
        {found.oldest !== null && (
          <Figure name={t`Oldest`}>
            <When at={found.oldest} />
          </Figure>
        )}
      </dl>
      {found.providers.length > 0 && <Providers of={found.providers} />}
    </div>
  );
}

function Figure({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Providers({ of: all }: { of: Shown["AtProvider"][] }) {
  const { t } = useLingui();
  return (
    <table className={styles.providers} aria-label={t`Waiting, by destination provider`}>
      <thead>
        <tr>
          <th scope="col">{t`Provider`}</th>
          <th scope="col" className="num">{t`Deliveries`}</th>
          <th scope="col" className="num">{t`Oldest`}</th>
          <th scope="col" className="num">{t`Next try`}</th>
        </tr>
      </thead>
      <tbody>
        {all.map(({ provider, count, oldest, next_attempt_at: next }) => (
          <tr key={provider}>
            <th scope="row">
              {provider === "" ? <span className="soft">{t`Not tried yet`}</span> : provider}
            </th>
            <td className="num">{number(count)}</td>
            <td className="num">
              <When at={oldest} />
            </td>
            <td className="num">{next === null ? "–" : <Countdown until={next} over={t`Due`} />}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
