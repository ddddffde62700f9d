// A customer's log, as far as their grant reaches. Whoever opens this is told to the customer, with what they saw.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, Outlet, useParams } from "@tanstack/react-router";
import { useMemo } from "react";
import { Countdown } from "../../ui/Countdown";
import { EmptyState } from "../../ui/EmptyState";
import { IconLog } from "../../ui/icons";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { When } from "../../ui/When";
import { EventBadge } from "../logs/EventBadge";
import { Filters } from "../logs/Filters";
import { SearchedTo } from "../logs/MessageList";
import type { LogFilter } from "../logs/matching";
import type { Tailed } from "../logs/useTail";
import { type Grant, grantsQuery, type Message, messagesQuery } from "./granted";
import { domainsOf } from "./grants";
import { StaffPage } from "./StaffPage";

const route = getRouteApi("/staff/accounts/$accountId/log");

export default function Log() {
  const { t } = useLingui();
  const { accountId } = route.useParams();
  const { grant: grantId, ...filter } = route.useSearch();
  const navigate = route.useNavigate();
  const { messageId } = useParams({ strict: false });
  const list = useMessages(accountId, grantId, filter);
  const columns = useColumns(accountId);
  const { data } = useQuery(grantsQuery);
  const grant = data?.data.find(({ id }) => id === grantId);
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  const change = (part: LogFilter) =>
    void navigate({ search: (before) => ({ ...before, ...part }), replace: true });
  const clear = () => void navigate({ search: { grant: grantId } });
  return (
    <StaffPage
      title={grant === undefined ? t`Log` : t`Log of ${grant.account}`}
      above={<Link to="/staff/grants">{t`Grants`}</Link>}
      actions={<Button onClick={list.again}>{t`Look again`}</Button>}
    >
      <div className="stack">
        {grant !== undefined && <Reach of={grant} />}
        <Filters
          filter={filter}
          onChange={change}
          onClear={isFiltered ? clear : undefined}
          hasDomains={false}
        />
        <DataTable
          label={t`Messages`}
          columns={columns}
          list={{ ...list, hasMore: list.hasMore && list.back === null }}
          rowKey={({ id }) => id}
          current={messageId}
          onOpen={({ id }) =>
            void navigate({
              to: "/staff/accounts/$accountId/log/$messageId",
              params: { accountId, messageId: id },
              search: (before) => before,
              resetScroll: false,
            })
          }
          empty={list.back === null ? <Nothing /> : null}
        />
        {list.back !== null && <SearchedTo back={list.back} isMore={list.isMore} onMore={list.more} />}
        <Outlet />
      </div>
    </StaffPage>
  );
}

function Nothing() {
  const { t } = useLingui();
  return (
    <EmptyState icon={IconLog} title={t`No message`}>
      <Trans>The log reaches back seven days, and you see it as far as the grant reaches.</Trans>
    </EmptyState>
  );
}

function Reach({ of: { reason, domains, expires_at: until } }: { of: Grant }) {
  const names = domainsOf(domains);
  return (
    <p className="soft">
      “{reason}” · {names ?? <Trans>All domains</Trans>} ·{" "}
      <Trans>
        ends in <Countdown until={until} over={<Trans>a moment</Trans>} />
      </Trans>{" "}
      · <Trans>The customer reads what you look at.</Trans>
    </p>
  );
}

function useMessages(accountId: string, grantId: string | undefined, filter: LogFilter): Tailed {
  const found = useInfiniteQuery(messagesQuery(accountId, grantId, { ...filter }));
  const rows = useMemo(() => found.data?.pages.flatMap((page) => page.data) ?? [], [found.data]);
  return {
    // A refusal takes away what was on screen: the grant is over.
    rows: found.error === null ? rows : [],
    isPending: found.isPending,
    isStale: false,
    problem: found.error,
    hasMore: found.hasNextPage,
    more: () => {
      if (found.hasNextPage && !found.isFetchingNextPage) void found.fetchNextPage();
    },
    isMore: found.isFetchingNextPage,
    again: () => void found.refetch(),
    back: found.data?.pages.at(-1)?.searched_back_to ?? null,
  };
}

function useColumns(accountId: string): Column<Message>[] {
  const { t } = useLingui();
  return useMemo(
    () => [
      { id: "event", title: t`State`, cell: ({ last_event: last }) => <EventBadge type={last} plain /> },
      {
        id: "subject",
        title: t`Subject`,
        isMain: true,
        // Not fetched on pointing: looking is written down.
        cell: ({ id, subject }) => (
          <Link
            from="/staff/accounts/$accountId/log"
            to="/staff/accounts/$accountId/log/$messageId"
            params={{ accountId, messageId: id }}
            search={(before) => before}
            resetScroll={false}
          >
            {subject === "" ? <span className="soft">{t`No subject`}</span> : subject}
          </Link>
        ),
      },
      { id: "sender", title: t`From`, cell: ({ sender }) => sender },
      { id: "alias", title: t`To`, cell: ({ alias }) => alias },
      { id: "at", title: t`Received`, align: "end", cell: ({ received_at: at }) => <When at={at} /> },
    ],
    [t, accountId],
  );
}
