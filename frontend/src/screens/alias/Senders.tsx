// Who wrote to an alias, as the 7-day log knows them.
import { Trans, useLingui } from "@lingui/react/macro";
import { useCallback, useMemo } from "react";
import { $api, type Shown } from "../../api/client";
import { type News, useNews } from "../../api/live";
import { number } from "../../data/figures";
import { Loaded } from "../../ui/Loaded";
import { Section } from "../../ui/Page";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { At, When } from "../../ui/When";
import type { Alias } from "../aliases/changes";

type Sender = Shown["AliasSender"];

export function Senders({ alias, isCatchAll }: { alias: Alias; isCatchAll: boolean }) {
  const { t } = useLingui();
  const columns = useColumns();
  const found = $api.useQuery("get", "/v1/aliases/{alias_id}/senders", {
    params: { path: { alias_id: alias.id } },
  });
  const { refetch } = found;
  useNews(
    useCallback(
      (news: News) => {
        if (news.kind === "log" && news.body.message.domain_id === alias.domain_id) void refetch();
      },
      [alias.domain_id, refetch],
    ),
  );
  return (
    <Section
      title={t`Senders of the last 7 days`}
      lead={isCatchAll ? t`Of mail to addresses that are no alias.` : undefined}
    >
      <Loaded query={found}>
        {({ data, searched_back_to: back }) => (
          <>
            <DataTable
              label={t`Senders`}
              columns={columns}
              rows={data}
              rowKey={({ sender }) => sender}
              empty={back === null && <p className="soft">{t`Nobody wrote in the last 7 days.`}</p>}
            />
            {back !== null && (
              <p className="soft">
                <Trans>
                  There is much mail: counted back to <At at={back} />.
                </Trans>
              </p>
            )}
          </>
        )}
      </Loaded>
    </Section>
  );
}

function useColumns(): Column<Sender>[] {
  const { t } = useLingui();
  return useMemo(
    (): Column<Sender>[] => [
      {
        id: "sender",
        title: t`From`,
        isMain: true,
        sort: ({ sender }) => sender,
        cell: ({ sender }) => sender,
      },
      {
        id: "count",
        title: t`Messages`,
        width: "8rem",
        align: "end",
        sort: ({ count }) => count,
        cell: ({ count }) => number(count),
      },
      {
        id: "last",
        title: t`Last`,
        width: "8rem",
        align: "end",
        sort: ({ last_at }) => last_at,
        cell: ({ last_at }) => <When at={last_at} />,
      },
    ],
    [t],
  );
}
