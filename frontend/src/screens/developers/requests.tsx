// What was asked of the API in the last 7 days: by whom, with what answer.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, NativeSelect } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import type { Shown } from "../../api/client";
import { useList } from "../../api/lists";
import { CopyButton } from "../../ui/CopyField";
import { EmptyState } from "../../ui/EmptyState";
import { IconLog, IconRefresh } from "../../ui/icons";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { At } from "../../ui/When";
import styles from "./developers.module.css";
import { useAskers, useWho } from "./useWho";

type Asked = Shown["Request"];
type Method = "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
interface Filters {
  method?: Method | undefined;
  status?: string | undefined;
  actor?: string | undefined;
  since?: "hour" | "day" | undefined;
}
const EVERYBODY = "everybody";
const HOURS = { hour: 1, day: 24 };
const STATUSES = ["200", "201", "204", "400", "403", "404", "409", "412", "422", "429", "503"];

export default function Requests() {
  const { t } = useLingui();
  const { method, status, actor, since }: Filters = useSearch({ from: "/developers/requests" });
  const navigate = useNavigate({ from: "/developers/requests" });
  // Fixed when it is chosen: a moment that moved would be another question each time.
  const from = useMemo(() => since && new Date(Date.now() - HOURS[since] * 3_600_000).toISOString(), [since]);
  const list = useList("/v1/requests", {
    ...(method && { method }),
    ...(status && /^\d{3}$/.test(status) && { status: Number(status) }),
    ...(actor === undefined && { programs: true }),
    ...(actor && actor !== EVERYBODY && { actor_id: actor }),
    ...(from && { since: from }),
  });
  const columns = useColumns();
  const isFiltered = [method, status, actor, since].some((each) => each !== undefined);
  const clear = () => void navigate({ search: {}, replace: true });
  return (
    <>
      <search className={styles.bar}>
        <FilterSelects />
        <div className="row">
          {isFiltered && (
            <Button variant="subtle" onClick={clear}>
              <Trans>Clear filters</Trans>
            </Button>
          )}
          <Button leftSection={<IconRefresh />} onClick={list.again}>
            <Trans>Refresh</Trans>
          </Button>
        </div>
      </search>
      <DataTable
        label={t`Requests`}
        columns={columns}
        list={list}
        rowKey={({ id }) => id}
        empty={
          <EmptyState
            icon={IconLog}
            title={isFiltered ? t`No such request` : t`No requests`}
            action={isFiltered && <Button onClick={clear}>{t`Clear filters`}</Button>}
          >
            <Trans>What keys and apps ask of the API is kept for 7 days, without query and body.</Trans>
          </EmptyState>
        }
      />
    </>
  );
}

function FilterSelects() {
  const { t } = useLingui();
  const search: Filters = useSearch({ from: "/developers/requests" });
  const navigate = useNavigate({ from: "/developers/requests" });
  const askers = useAskers();
  const change = (name: keyof Filters) => (event: { currentTarget: HTMLSelectElement }) => {
    const value = event.currentTarget.value || undefined;
    void navigate({ search: { ...search, [name]: value }, replace: true });
  };
  const any = (label: string) => ({ value: "", label });
  return (
    <div className="row">
      <NativeSelect
        aria-label={t`Who`}
        value={search.actor ?? ""}
        onChange={change("actor")}
        data={[
          any(t`Keys and apps`),
          { value: EVERYBODY, label: t`People too` },
          ...askers.map(({ id, name }) => ({ value: id, label: name })),
        ]}
      />
      <NativeSelect
        aria-label={t`Method`}
        value={search.method ?? ""}
        onChange={change("method")}
        data={[any(t`Any method`), "GET", "POST", "PATCH", "PUT", "DELETE"]}
      />
      <NativeSelect
        aria-label={t`Status`}
        value={search.status ?? ""}
        onChange={change("status")}
        data={[any(t`Any status`), ...STATUSES]}
      />
      <NativeSelect
        aria-label={t`Time`}
        value={search.since ?? ""}
        onChange={change("since")}
        data={[
          any(t`7 days`),
          { value: "day", label: t`Last 24 hours` },
          { value: "hour", label: t`Last hour` },
        ]}
      />
    </div>
  );
}

function useColumns(): Column<Asked>[] {
  const { t } = useLingui();
  const who = useWho();
  return useMemo(
    () => [
      { id: "at", title: t`When`, cell: ({ at }) => <At at={at} /> },
      {
        id: "status",
        title: t`Status`,
        cell: ({ status }) => (
          <span className={styles.status} data-kind={Math.floor(status / 100)}>
            {status}
          </span>
        ),
      },
      {
        id: "what",
        title: t`Request`,
        isMain: true,
        cell: ({ method, path }) => (
          <code title={path}>
            {method} {path}
          </code>
        ),
      },
      { id: "who", title: t`Who`, cell: (asked) => who(asked.actor_id) },
      { id: "took", title: t`Took`, align: "end", cell: (asked) => t`${asked.duration_ms} ms` },
      {
        id: "id",
        title: t`Request ID`,
        isExtra: true,
        cell: (asked) => (
          <span className={styles.id}>
            <code>{asked.request_id.slice(0, 8)}…</code>
            <CopyButton label={t`the request ID`} value={asked.request_id} />
          </span>
        ),
      },
    ],
    [t, who],
  );
}
