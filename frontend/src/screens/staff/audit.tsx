// The service's own log: what staff looked at and did, newest first.
import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import type { List } from "../../api/lists";
import { EmptyState } from "../../ui/EmptyState";
import { IconLog } from "../../ui/icons";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { At } from "../../ui/When";
import { detailInWords, inWords } from "../security/actions";
import { type Audit, auditQuery } from "./client";
import { StaffPage } from "./StaffPage";

export default function ServiceLog() {
  const { t } = useLingui();
  return (
    <StaffPage title={t`Service log`}>
      <DataTable
        label={t`Service log`}
        columns={useColumns()}
        list={useLines()}
        rowKey={({ id }) => id}
        empty={
          <EmptyState icon={IconLog} title={t`Nothing yet`}>
            <Trans>What staff look at and do is kept for 30 days.</Trans>
          </EmptyState>
        }
      />
    </StaffPage>
  );
}

function useLines(): List<Audit> {
  const found = useInfiniteQuery(auditQuery);
  const rows = useMemo(() => found.data?.pages.flatMap((page) => page.data) ?? [], [found.data]);
  return {
    rows,
    isPending: found.isPending,
    isStale: false,
    problem: found.data === undefined ? found.error : null,
    hasMore: found.hasNextPage,
    more: () => {
      if (found.hasNextPage && !found.isFetchingNextPage) void found.fetchNextPage();
    },
    isMore: found.isFetchingNextPage,
    again: () => void found.refetch(),
  };
}

function useColumns(): Column<Audit>[] {
  const { t } = useLingui();
  return useMemo(
    () => [
      { id: "at", title: t`When`, cell: ({ at }) => <At at={at} /> },
      { id: "what", title: t`What`, isMain: true, cell: ({ action }) => inWords(action) },
      { id: "who", title: t`Who`, cell: ({ actor }) => actor },
      { id: "subject", title: t`Of`, cell: (line) => <Subject of={line} /> },
      {
        id: "detail",
        title: t`Detail`,
        isExtra: true,
        cell: ({ detail }) => <span className="soft">{detailInWords(detail)}</span>,
      },
    ],
    [t],
  );
}

/** An account is named by its id: its name is its own. */
function Subject({ of: line }: { of: Audit }) {
  const { t } = useLingui();
  if (!/^(account|support)\./.test(line.action) || line.subject_id === null) return line.subject;
  return (
    <Link to="/staff/accounts/$accountId" params={{ accountId: line.subject_id }}>
      {t`Account ${line.subject_id.slice(-6)}`}
    </Link>
  );
}
