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
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { When } from "../../ui/When";
import styles from "./privacy.module.css";

type Found = Shown["Held"];

interface Kind {
  id: string;
  what: ReactNode;
  more?: ReactNode;
  count: number;
  oldest: string | null;
  until: string;
}

export function Held({ found }: { found: Found }) {
  const { t } = useLingui();
  const rows = useKinds(found);
  const columns = useColumns();
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
      <DataTable label={t`Held now`} columns={columns} rows={rows} rowKey={({ id }) => id} empty={null} />
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

function useColumns(): Column<Kind>[] {
  const { t } = useLingui();
  return useMemo(
    () => [
      {
        id: "what",
        title: t`What`,
        isMain: true,
        cell: ({ what, more }) => (
          <>
            {what}
            {more !== undefined && more !== "" && <div className={styles.more}>{more}</div>}
          </>
        ),
      },
      { id: "count", title: t`Rows`, align: "end", width: "6rem", cell: ({ count }) => number(count) },
      {
        id: "oldest",
        title: t`Oldest`,
        align: "end",
        width: "9rem",
        cell: ({ oldest }) => (oldest === null ? "–" : <When at={oldest} />),
      },
      { id: "until", title: t`Gone`, align: "end", width: "12rem", cell: ({ until }) => until },
    ],
    [t],
  );
}
