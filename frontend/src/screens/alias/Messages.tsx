// The last messages to an alias, as they come; the log has all of them.
import { Trans, useLingui } from "@lingui/react/macro";
import { Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { $api, type Shown } from "../../api/client";
import { type News, useNews } from "../../api/live";
import { Loaded } from "../../ui/Loaded";
import { Section } from "../../ui/Page";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { When } from "../../ui/When";
import type { Alias } from "../aliases/changes";
import { EventBadge } from "../logs/EventBadge";
import { matches } from "../logs/matching";

type Message = Shown["Message"];
const FEW = 5;

/** The log knows addresses as they were written to: of a catch-all, those of its whole domain. */
export function Messages({ alias, isCatchAll }: { alias: Alias; isCatchAll: boolean }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const columns = useColumns();
  const search = useMemo(
    () => (isCatchAll ? { domain_id: alias.domain_id } : { alias: alias.address }),
    [isCatchAll, alias.domain_id, alias.address],
  );
  const found = $api.useQuery("get", "/v1/logs/messages", { params: { query: { ...search, limit: FEW } } });
  const { refetch } = found;
  useNews(
    useCallback(
      (news: News) => {
        if (news.kind !== "log") return;
        if (matches(search, news.body.message, news.body.event.type)) void refetch();
      },
      [search, refetch],
    ),
  );
  return (
    <Section
      title={isCatchAll ? t`Last messages to the domain` : t`Last messages`}
      actions={
        <Link to="/logs" search={search}>
          <Trans>Open in the log</Trans>
        </Link>
      }
    >
      <Loaded query={found}>
        {({ data }) => (
          <DataTable
            label={t`Last messages`}
            columns={columns}
            rows={data}
            rowKey={({ id }) => id}
            onOpen={({ id }) => void navigate({ to: "/logs/$messageId", params: { messageId: id }, search })}
            empty={<p className="soft">{t`None in the last 7 days.`}</p>}
          />
        )}
      </Loaded>
    </Section>
  );
}

function useColumns(): Column<Message>[] {
  const { t } = useLingui();
  return useMemo(
    (): Column<Message>[] => [
      {
        id: "state",
        title: t`State`,
        width: "9rem",
        cell: ({ last_event }) => <EventBadge type={last_event} plain />,
      },
      {
        id: "subject",
        title: t`Subject`,
        isMain: true,
        cell: ({ id, subject }) => (
          <Link to="/logs/$messageId" params={{ messageId: id }}>
            {subject || <span className="soft">{t`No subject`}</span>}
          </Link>
        ),
      },
      { id: "from", title: t`From`, width: "30%", cell: ({ sender }) => sender },
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
