// What our staff may look at now, and might once: why, at which domains, until when.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useCallback, useMemo } from "react";
import { api, type Shown } from "../../api/client";
import { useList } from "../../api/lists";
import { useLookAfter } from "../../api/lookAfter";
import { problemOf } from "../../api/problem";
import { useRefresh } from "../../api/refresh";
import { number } from "../../data/figures";
import { Countdown } from "../../ui/Countdown";
import { EmptyState } from "../../ui/EmptyState";
import { IconLock } from "../../ui/icons";
import { Section } from "../../ui/Page";
import { StateBadge } from "../../ui/StateBadge";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { toast } from "../../ui/toasts";
import { When } from "../../ui/When";
import { useDomainNames } from "../developers/useDomainNames";

type Grant = Shown["SupportRequest"];

export function Grants({ may }: { may: boolean }) {
  const { t } = useLingui();
  const list = useList("/v1/support/requests", {});
  const columns = useColumns(may);
  const live = list.rows.filter(({ live }) => live);
  const soonest = live.map(({ expires_at: at }) => at).sort()[0];
  const refresh = useRefresh();
  const look = useCallback(() => refresh("/v1/support"), [refresh]);
  useLookAfter(soonest, list.rows, look);
  return (
    <Section title={t`What they may see`}>
      <DataTable
        label={t`What they may see`}
        columns={columns}
        list={list}
        rowKey={({ id }) => id}
        empty={
          <EmptyState icon={IconLock} title={t`Nothing`}>
            {may ? (
              <Trans>Let them look when something needs a second pair of eyes; it ends by itself.</Trans>
            ) : (
              <Trans>An admin of the account can let them look.</Trans>
            )}
          </EmptyState>
        }
      />
    </Section>
  );
}

function useColumns(may: boolean): Column<Grant>[] {
  const { t } = useLingui();
  const names = useDomainNames();
  const end = useEnding();
  return useMemo(
    () => [
      { id: "why", title: t`What to look for`, isMain: true, cell: ({ reason }) => reason },
      { id: "domains", title: t`Domains`, cell: ({ domain_ids: ids }) => names(ids) },
      { id: "by", title: t`Opened by`, isExtra: true, cell: ({ opened_by: by }) => by },
      { id: "state", title: t`State`, cell: (grant) => <State of={grant} /> },
      { id: "views", title: t`Looks`, align: "end", cell: ({ views }) => number(views) },
      {
        id: "action",
        title: t`Action`,
        isActions: true,
        align: "end",
        cell: (grant) =>
          may &&
          grant.live && (
            <Button size="xs" color="red" onClick={() => void end(grant)}>
              <Trans>End it now</Trans>
            </Button>
          ),
      },
    ],
    [t, names, end, may],
  );
}

function State({ of: grant }: { of: Grant }) {
  if (grant.live) {
    return (
      <StateBadge state="waiting" plain>
        <Trans>
          Open for <Countdown until={grant.expires_at} over={<Trans>a moment</Trans>} />
        </Trans>
      </StateBadge>
    );
  }
  return (
    <StateBadge state="off" plain>
      <Trans>
        Ended <When at={grant.revoked_at ?? grant.expires_at} />
      </Trans>
    </StateBadge>
  );
}

/** At once and without a question: what it takes away can be given again. */
function useEnding(): (grant: Grant) => Promise<void> {
  const { t } = useLingui();
  const refresh = useRefresh();
  return useCallback(
    async ({ id }) => {
      try {
        const path = { support_request_id: id };
        await api.DELETE("/v1/support/requests/{support_request_id}", { params: { path } });
        toast({ text: t`Ended: our staff see nothing more of it` });
      } catch (error) {
        toast({ text: problemOf(error).detail, tone: "bad" });
      }
      await refresh("/v1/support", "/v1/account", "/v1/audit", "/v1/privacy");
    },
    [t, refresh],
  );
}
