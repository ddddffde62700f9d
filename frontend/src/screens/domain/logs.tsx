// The newest of one domain's log; all of it, live and with filters, is on the log's own screen.
import { Trans, useLingui } from "@lingui/react/macro";
import { Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { $api, type Shown } from "../../api/client";
import { type News, useNews } from "../../api/live";
import { EmptyState } from "../../ui/EmptyState";
import { IconLog } from "../../ui/icons";
import { Loaded } from "../../ui/Loaded";
import { StateBadge, type StateName } from "../../ui/StateBadge";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { When } from "../../ui/When";
import { useDomain } from "./useDomain";

type Message = Shown["Message"];
const STATES: Record<string, StateName> = {
  received: "waiting",
  delivered: "ok",
  "soft-bounced": "failing",
  "hard-bounced": "failed",
  refused: "failed",
};

export default function Tab() {
  const { t } = useLingui();
  const domain = useDomain();
  const navigate = useNavigate();
  const query = { domain_id: domain.id, limit: 10 };
  const newest = $api.useQuery("get", "/v1/logs/messages", { params: { query } });
  const { refetch } = newest;
  useNews(
    useCallback(
      (news: News) => {
        if (news.kind === "log" && news.body.message.domain_id === domain.id) void refetch();
      },
      [refetch, domain.id],
    ),
  );
  const columns = useColumns();
  return (
    <Loaded query={newest}>
      {({ data }) => (
        <>
          <DataTable
            label={t`Newest messages`}
            columns={columns}
            rows={data}
            rowKey={({ id }) => id}
            onOpen={({ id }) =>
              void navigate({
                to: "/logs/$messageId",
                params: { messageId: id },
                search: { domain_id: domain.id },
              })
            }
            empty={
              <EmptyState icon={IconLog} title={t`Nothing in 7 days`}>
                <Trans>Messages to {domain.name} appear here the moment they arrive.</Trans>
              </EmptyState>
            }
          />
          {data.length > 0 && (
            <p>
              <Link to="/logs" search={{ domain_id: domain.id }}>
                <Trans>Whole log of this domain</Trans>
              </Link>
            </p>
          )}
        </>
      )}
    </Loaded>
  );
}

function useColumns(): Column<Message>[] {
  const { t } = useLingui();
  return useMemo(
    () => [
      {
        id: "subject",
        title: t`Subject`,
        isMain: true,
        cell: ({ id, subject, domain_id }) => (
          <Link
            to="/logs/$messageId"
            params={{ messageId: id }}
            search={domain_id === null ? {} : { domain_id }}
          >
            {subject || t`(no subject)`}
          </Link>
        ),
      },
      { id: "from", title: t`From`, cell: ({ sender }) => sender },
      { id: "alias", title: t`Alias`, cell: ({ alias }) => alias },
      {
        id: "state",
        title: t`State`,
        cell: ({ last_event }) => (
          <StateBadge state={STATES[last_event] ?? "waiting"}>{last_event}</StateBadge>
        ),
      },
      {
        id: "at",
        title: t`Received`,
        width: "8rem",
        align: "end",
        cell: ({ received_at }) => <When at={received_at} />,
      },
    ],
    [t],
  );
}
