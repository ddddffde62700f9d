// Every kind of row that names this account and leaves by itself: how many, how old, until when.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { type ReactNode, useMemo } from "react";
import type { Shown } from "../../api/client";
import { number } from "../../data/figures";
import { hourOf } from "../../data/moments";
import { Countdown } from "../../ui/Countdown";
import { Section } from "../../ui/Page";
import { When } from "../../ui/When";
import styles from "./privacy.module.css";

type Found = Shown["Held"];

interface Kind {
  id: string;
  what: ReactNode;
  more?: string;
  count: number;
  oldest: string | null;
  until: string;
}

export function Held({ found }: { found: Found }) {
  const { t } = useLingui();
  const kinds = useKinds(found);
  const navigate = useNavigate({ from: "/privacy" });
  const openPolicy = () => void navigate({ search: { do: "policy" }, resetScroll: false });
  return (
    <Section
      title={t`Held now`}
      actions={
        <Button size="xs" onClick={openPolicy}>
          <Trans>What is logged…</Trans>
        </Button>
      }
    >
      {found.log.next_hour !== null && <NextHour hour={found.log.next_hour} />}
      <Kinds of={kinds} />
    </Section>
  );
}

function NextHour({ hour }: { hour: NonNullable<Found["log"]["next_hour"]> }) {
  const { t } = useLingui();
  return (
    <dl className={styles.next}>
      <div>
        <dt>{t`Next to be unreadable`}</dt>
        <dd>
          <Countdown until={hour.unreadable_at} over={t`Now`} />
        </dd>
      </div>
      <div>
        <dt>{t`Received`}</dt>
        <dd>{hourOf(hour.received_from)}</dd>
      </div>
      <div>
        <dt>{t`Messages`}</dt>
        <dd>{number(hour.messages)}</dd>
      </div>
    </dl>
  );
}

function useKinds(found: Found): Kind[] {
  const { t } = useLingui();
  return useMemo(() => {
    const { log, waiting, audit, requests } = found;
    const events = log.events;
    const sum = Object.values(events).reduce((total, count) => total + count, 0);
    const after = (days: number) => t`after ${days} days`;
    return [
      {
        id: "messages",
        what: <Link to="/logs">{t`Messages in the log`}</Link>,
        count: log.messages,
        oldest: log.oldest,
        until: after(log.days),
      },
      {
        id: "events",
        what: <Link to="/logs">{t`Their events`}</Link>,
        more: inWords([
          [t`received`, events.received],
          [t`delivered`, events.delivered],
          [t`soft-bounced`, events.soft_bounced],
          [t`hard-bounced`, events.hard_bounced],
          [t`refused`, events.refused],
        ]),
        count: sum,
        oldest: log.oldest,
        until: after(log.days),
      },
      {
        id: "waiting",
        what: <Link to="/queue">{t`Mail that waits`}</Link>,
        count: waiting.messages,
        oldest: waiting.oldest,
        until: t`with its last delivery`,
      },
      {
        id: "audit",
        what: <Link to="/security">{t`Changes in the audit log`}</Link>,
        count: audit.count,
        oldest: audit.oldest,
        until: after(audit.days),
      },
      {
        id: "requests",
        what: <Link to="/developers/requests">{t`API requests, without bodies`}</Link>,
        count: requests.count,
        oldest: requests.oldest,
        until: after(requests.days),
      },
    ];
  }, [found, t]);
}

function inWords(counts: [string, number][]): string {
  return counts
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${number(count)} ${name}`)
    .join(", ");
}

function Kinds({ of: kinds }: { of: Kind[] }) {
  const { t } = useLingui();
  return (
    <table className={styles.kinds} aria-label={t`Held now`}>
      <thead>
        <tr>
          <th scope="col">{t`What`}</th>
          <th scope="col" className="num">{t`Rows`}</th>
          <th scope="col" className="num">{t`Oldest`}</th>
          <th scope="col" className={`num ${styles.wide}`}>{t`Gone`}</th>
        </tr>
      </thead>
      <tbody>
        {kinds.map(({ id, what, more, count, oldest, until }) => (
          <tr key={id}>
            <th scope="row">
              {what}
              {more !== undefined && more !== "" && <span className={styles.more}>{more}</span>}
              <span className={`${styles.more} ${styles.narrow}`}>{t`Gone ${until}`}</span>
            </th>
            <td className="num">{number(count)}</td>
            <td className="num">{oldest === null ? "–" : <When at={oldest} />}</td>
            <td className={`num ${styles.wide}`}>{until}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
