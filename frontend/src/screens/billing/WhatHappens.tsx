// What a change takes and when: the days of it, and by name what would pause. Nothing is deleted.
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import type { ReactNode } from "react";
import type { Shown } from "../../api/client";
import { dateOf } from "../../data/moments";
import { type Plan, planName } from "../../data/plans";
import styles from "./billing.module.css";

/** As the API has it: what a plan has no room for pauses so long after the change. */
const GRACE = 7 * 86_400_000;

interface Props {
  to: Plan;
  from: Plan;
  found: Shown["Preview"];
}

export function WhatHappens({ to, from, found: { at, effective, pauses } }: Props) {
  const count = pauses.domains.length + pauses.aliases.length + pauses.inboxes.length;
  if (effective !== "period_end" || at === null) return null;
  const end = new Date(Date.parse(at) + GRACE).toISOString();
  return (
    <>
      <ol className={styles.days}>
        <Day at={<Trans>Until {dateOf(at)}</Trans>}>
          <Trans>{planName(from)}, as now. You can take this back.</Trans>
        </Day>
        <Day at={dateOf(at)}>
          <Trans>The limits of {planName(to)} hold for what is new. Existing aliases go on.</Trans>
        </Day>
        <Day at={dateOf(end)}>
          {count === 0 ? (
            <Trans>Nothing pauses: {planName(to)} has room for all you have.</Trans>
          ) : (
            <Trans>What is listed here pauses. Nothing is deleted; a larger plan wakes it at once.</Trans>
          )}
        </Day>
      </ol>
      {count > 0 && <Pauses of={pauses} />}
    </>
  );
}

function Day({ at, children }: { at: ReactNode; children: ReactNode }) {
  return (
    <li>
      <strong>{at}</strong>
      <span>{children}</span>
    </li>
  );
}

export function Pauses({ of: { domains, aliases, inboxes } }: { of: Shown["Pauses"] }) {
  const { t } = useLingui();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: scrolled by keyboard where it is long
    <section className={styles.pauses} aria-label={t`What pauses`} tabIndex={0}>
      <Kind
        title={<Plural value={domains.length} one="# domain pauses" other="# domains pause" />}
        ids={domains}
      >
        {domains.map(({ id, name, aliases: count }) => (
          <li key={id}>
            {name}{" "}
            <span className="soft">
              <Plural value={count} one="with its # alias" other="with its # aliases" />
            </span>
          </li>
        ))}
      </Kind>
      <Kind
        title={<Plural value={aliases.length} one="# alias pauses" other="# aliases pause" />}
        ids={aliases}
      >
        {aliases.map(({ id, address }) => (
          <li key={id}>{address}</li>
        ))}
      </Kind>
      <Kind
        title={<Plural value={inboxes.length} one="# inbox gets no more" other="# inboxes get no more" />}
        ids={inboxes}
      >
        {inboxes.map(({ alias_id: id, alias, address }) => (
          <li key={`${id} ${address}`}>
            {alias} <span className="soft">→ {address ?? <Trans>an inbox</Trans>}</span>
          </li>
        ))}
      </Kind>
    </section>
  );
}

function Kind({ title, ids, children }: { title: ReactNode; ids: unknown[]; children: ReactNode }) {
  if (ids.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <ul>{children}</ul>
    </>
  );
}
