// Who changed what in the account, in the last 30 days.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, NativeSelect } from "@mantine/core";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import type { Shown } from "../../api/client";
import { useList } from "../../api/lists";
import { EmptyState } from "../../ui/EmptyState";
import { FilterBar } from "../../ui/FilterBar";
import { IconDownload, IconLog } from "../../ui/icons";
import { Section } from "../../ui/Page";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { At } from "../../ui/When";
import { detailInWords, inWords, KINDS } from "./actions";

type Entry = Shown["Audit"];
type Query = { action?: string; actor?: string; subject?: string; since?: string };
const DAYS = { day: 1, week: 7 };
const DAY = 86_400_000;

function useFilters() {
  const { action, actor, subject, since } = useSearch({ from: "/security" });
  const navigate = useNavigate({ from: "/security" });
  // Fixed when it is chosen: a moment that moved would be another question each time.
  const from = useMemo(() => since && new Date(Date.now() - DAYS[since] * DAY).toISOString(), [since]);
  const query: Query = {
    ...(action && { action }),
    ...(actor && { actor }),
    ...(subject && { subject }),
    ...(from && { since: from }),
  };
  const set = (name: "action" | "actor" | "subject" | "since", value: string | undefined) =>
    void navigate({
      search: { action, actor, subject, since, [name]: value || undefined },
      replace: true,
      resetScroll: false,
    });
  const clear = () => void navigate({ search: {}, replace: true, resetScroll: false });
  return { action, subject, since, query, set, clear, isFiltered: Object.keys(query).length > 0 };
}

export function AuditLog() {
  const { t } = useLingui();
  const filters = useFilters();
  const list = useList("/v1/audit", filters.query);
  const columns = useColumns();
  return (
    <Section title={t`Audit log`} actions={<Exports query={filters.query} />}>
      <Filters {...filters} />
      <DataTable
        label={t`Audit log`}
        columns={columns}
        list={list}
        rowKey={({ id }) => id}
        empty={
          <EmptyState
            icon={IconLog}
            title={filters.isFiltered ? t`No such change` : t`No changes`}
            action={filters.isFiltered && <Button onClick={filters.clear}>{t`Clear filters`}</Button>}
          >
            <Trans>Changes are kept for 30 days.</Trans>
          </EmptyState>
        }
      />
    </Section>
  );
}

function Filters({ action, subject, since, set, clear, isFiltered }: ReturnType<typeof useFilters>) {
  const { t, i18n } = useLingui();
  return (
    <FilterBar
      q={subject}
      onSearch={(found) => set("subject", found)}
      placeholder={t`Name of what was changed`}
      onClear={isFiltered ? clear : undefined}
    >
      <NativeSelect
        aria-label={t`What`}
        value={action ?? ""}
        onChange={(event) => set("action", event.currentTarget.value)}
        data={[
          { value: "", label: t`Everything` },
          ...KINDS.map(([value, words]) => ({ value, label: i18n._(words) })),
        ]}
      />
      <NativeSelect
        aria-label={t`Time`}
        value={since ?? ""}
        onChange={(event) => set("since", event.currentTarget.value)}
        data={[
          { value: "", label: t`30 days` },
          { value: "week", label: t`Last 7 days` },
          { value: "day", label: t`Last 24 hours` },
        ]}
      />
    </FilterBar>
  );
}

function Exports({ query }: { query: Query }) {
  const to = (format: "csv" | "jsonl") => `/v1/audit/export?${new URLSearchParams({ ...query, format })}`;
  return (
    <>
      <Button component="a" href={to("csv")} download leftSection={<IconDownload />}>
        CSV
      </Button>
      <Button component="a" href={to("jsonl")} download leftSection={<IconDownload />}>
        <Trans>JSON lines</Trans>
      </Button>
    </>
  );
}

function useColumns(): Column<Entry>[] {
  const { t } = useLingui();
  return useMemo(
    () => [
      { id: "at", title: t`When`, width: "12rem", cell: ({ at }) => <At at={at} /> },
      { id: "what", title: t`What`, isMain: true, width: "20%", cell: ({ action }) => inWords(action) },
      {
        id: "subject",
        title: t`Of`,
        width: "20%",
        cell: ({ subject }) => <span title={subject}>{subject}</span>,
      },
      {
        id: "who",
        title: t`Who`,
        width: "18%",
        cell: ({ actor, actor_kind: kind }) =>
          kind === "service" ? (
            t`Clearpost`
          ) : (
            <Link
              from="/security"
              to="."
              search={(before) => ({ ...before, actor })}
              resetScroll={false}
              title={t`Only theirs`}
            >
              {actor}
            </Link>
          ),
      },
      {
        id: "detail",
        title: t`Detail`,
        isExtra: true,
        cell: ({ detail }) => {
          const words = detailInWords(detail);
          return (
            <span className="soft" title={words}>
              {words}
            </span>
          );
        },
      },
    ],
    [t],
  );
}
