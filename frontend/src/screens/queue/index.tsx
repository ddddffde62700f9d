// What waits, why, and until when; try it now, or give it up.
import { useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { $api } from "../../api/client";
import { useList } from "../../api/lists";
import { useSession } from "../../api/session";
import { type Command, useCommands } from "../../shell/commands";
import { EmptyState } from "../../ui/EmptyState";
import { IconOk, IconRefresh } from "../../ui/icons";
import { Page } from "../../ui/Page";
import { DataTable } from "../../ui/table/DataTable";
import { CancelDeliveries } from "./CancelDeliveries";
import { ChosenBar } from "./ChosenBar";
import { type Choice, useTryNow } from "./changes";
import { useColumns } from "./columns";
import { Filters } from "./Filters";
import styles from "./queue.module.css";
import { Summary } from "./Summary";

const route = getRouteApi("/queue");
const NONE: ReadonlySet<string> = new Set();

export default function Screen() {
  const { t } = useLingui();
  const may = useSession().can("aliases:write");
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const list = useList("/v1/queue", filter);
  const summary = $api.useQuery("get", "/v1/queue/summary", { params: { query: filter } });
  const [chosen, setChosen] = useState(NONE);
  const [asked, ask] = useState<{ choice: Choice; count: number }>();
  const tryNow = useTryNow();
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  const all = useMemo((): Choice => (isFiltered ? filter : { all: true }), [isFiltered, filter]);
  const total = summary.data?.total ?? 0;
  // What has ended since is chosen no more.
  const here = new Set(list.rows.flatMap(({ id }) => (chosen.has(id) ? id : [])));
  const tryAll = () => tryNow(all, total);
  useCommands(
    useMemo((): Command[] => {
      if (!may || total === 0) return [];
      const run = () => tryNow(all, total);
      return [{ id: "queue-try", title: t`Try all that waits now`, icon: IconRefresh, group: t`Do`, run }];
    }, [may, total, all, tryNow, t]),
  );
  const lanes = new Set(summary.data?.lanes.map(({ lane }) => lane));
  const columns = useColumns(may, lanes.size > 1, (id) => ask({ choice: { delivery_ids: [id] }, count: 1 }));
  return (
    <Page title={t`Queue`} actions={may && total > 0 && <Button onClick={tryAll}>{t`Try all now`}</Button>}>
      {summary.data !== undefined && total > 0 && <Summary of={summary.data} />}
      <div className={styles.list}>
        <Filters
          filter={filter}
          onChange={(part) => void navigate({ search: (before) => ({ ...before, ...part }), replace: true })}
        />
        <ChosenBar
          chosen={here}
          total={total}
          all={all}
          onTry={(choice, count) => {
            tryNow(choice, count);
            setChosen(NONE);
          }}
          onCancel={(choice, count) => ask({ choice, count })}
        />
        <DataTable
          label={t`Deliveries that wait`}
          columns={columns}
          list={list}
          rowKey={({ id }) => id}
          onOpen={({ message_id: messageId }) =>
            void navigate({ to: "/logs/$messageId", params: { messageId }, search: {} })
          }
          {...(may && { chosen: { keys: here, set: setChosen } })}
          empty={<Nothing isFiltered={isFiltered} />}
        />
      </div>
      {asked !== undefined && (
        <CancelDeliveries {...asked} onDone={() => setChosen(NONE)} onClose={() => ask(undefined)} />
      )}
    </Page>
  );
}

function Nothing({ isFiltered }: { isFiltered: boolean }) {
  const { t } = useLingui();
  return (
    <EmptyState
      icon={IconOk}
      title={isFiltered ? t`Nothing of these waits` : t`Nothing waits`}
      action={
        isFiltered ? (
          <Link to="/queue">{t`Show the whole queue`}</Link>
        ) : (
          <Link to="/logs">{t`Open the log`}</Link>
        )
      }
    >
      {t`Mail that an inbox puts off is tried again from here.`}
    </EmptyState>
  );
}
