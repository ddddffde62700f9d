// How the queues are doing, by lane and by the providers that mail waits for. Figures of the whole service.
import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { number } from "../../data/figures";
import { span } from "../../data/moments";
import { Countdown } from "../../ui/Countdown";
import { EmptyState } from "../../ui/EmptyState";
import { IconQueue } from "../../ui/icons";
import { Loaded } from "../../ui/Loaded";
import { Section } from "../../ui/Page";
import { StateBadge } from "../../ui/StateBadge";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { type LaneHealth, type ProviderHealth, queueQuery } from "./client";
import { StaffPage } from "./StaffPage";

// As the status page judges it (mailcore/service_status.py).
const LATE = 120;

export default function Queue() {
  const { t } = useLingui();
  const query = useQuery(queueQuery);
  const lanes = useLanes();
  const providers = useProviders();
  return (
    <StaffPage title={t`Queue health`}>
      <Loaded query={query}>
        {(health) => (
          <>
            <Section title={t`Lanes`}>
              <DataTable
                label={t`Lanes`}
                columns={lanes}
                rows={health.lanes}
                rowKey={({ lane }) => lane}
                empty={null}
              />
            </Section>
            <Section title={t`Providers`}>
              <DataTable
                label={t`Providers`}
                columns={providers}
                rows={health.providers}
                rowKey={({ provider }) => provider}
                empty={
                  <EmptyState icon={IconQueue} title={t`No provider keeps mail waiting`}>
                    <Trans>Those appear here that were tried and did not take all of it.</Trans>
                  </EmptyState>
                }
              />
            </Section>
          </>
        )}
      </Loaded>
    </StaffPage>
  );
}

const seconds = (value: number) => (value < 1 ? "–" : span(value));

function useLanes(): Column<LaneHealth>[] {
  const { t } = useLingui();
  return useMemo(
    () => [
      {
        id: "lane",
        title: t`Lane`,
        isMain: true,
        cell: ({ lane }) => (lane === "fast" ? t`Fast` : t`Standard`),
      },
      {
        id: "state",
        title: t`State`,
        cell: ({ late_seconds: late }) => (
          <StateBadge state={late > LATE ? "failing" : "ok"} plain>
            {late > LATE ? t`Late` : t`In time`}
          </StateBadge>
        ),
      },
      { id: "waiting", title: t`Waiting`, align: "end", cell: ({ waiting }) => number(waiting) },
      { id: "now", title: t`Trying now`, align: "end", cell: ({ in_progress: now }) => number(now) },
      { id: "deferred", title: t`Put off`, align: "end", cell: ({ deferred }) => number(deferred) },
      { id: "held", title: t`Held`, align: "end", isExtra: true, cell: ({ held }) => number(held) },
      { id: "oldest", title: t`Oldest`, align: "end", cell: ({ oldest_seconds: old }) => seconds(old) },
      { id: "late", title: t`Late by`, align: "end", cell: ({ late_seconds: late }) => seconds(late) },
    ],
    [t],
  );
}

function useProviders(): Column<ProviderHealth>[] {
  const { t } = useLingui();
  return useMemo(
    () => [
      {
        id: "provider",
        title: t`Provider`,
        isMain: true,
        sort: ({ provider }) => provider,
        cell: ({ provider }) =>
          provider || <span className="soft">{t`Those that few accounts send to`}</span>,
      },
      {
        id: "state",
        title: t`State`,
        cell: ({ paused_until: until }) =>
          until === null ? (
            <StateBadge state="waiting" plain>{t`Being tried`}</StateBadge>
          ) : (
            <StateBadge state="paused" plain>
              <Trans>
                Left alone for <Countdown until={until} over={t`a moment`} />
              </Trans>
            </StateBadge>
          ),
      },
      {
        id: "waiting",
        title: t`Waiting`,
        align: "end",
        sort: ({ waiting }) => waiting,
        cell: ({ waiting }) => number(waiting),
      },
      {
        id: "deferred",
        title: t`Put off`,
        align: "end",
        sort: ({ deferred }) => deferred,
        cell: ({ deferred }) => number(deferred),
      },
      {
        id: "oldest",
        title: t`Oldest`,
        align: "end",
        sort: (each) => each.oldest_seconds,
        cell: (each) => seconds(each.oldest_seconds),
      },
    ],
    [t],
  );
}
