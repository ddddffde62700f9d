// The list itself: filters that live in the URL, rows to open, choose and switch.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, NativeSelect } from "@mantine/core";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import { $api, type Shown } from "../../api/client";
import { useList } from "../../api/lists";
import { useSession } from "../../api/session";
import { EmptyState } from "../../ui/EmptyState";
import { FilterBar } from "../../ui/FilterBar";
import { IconAlias, IconDomain, IconPlus } from "../../ui/icons";
import { DataTable } from "../../ui/table/DataTable";
import { useListKeys } from "../../ui/table/useListKeys";
import { BulkBar } from "./bulk/BulkBar";
import { type Asked, BulkDialog } from "./bulk/BulkDialog";
import { useColumns } from "./columns";

const route = getRouteApi("/aliases");
/** What is looked for is near the top: fewer rows are there sooner. */
const PAGE = { all: 100, found: 30 };
const NONE: ReadonlySet<string> = new Set();

export function AliasList({ domains }: { domains: Shown["Domain"][] | undefined }) {
  const { t } = useLingui();
  const session = useSession();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { q, domain_id, destination_id, state } = search;
  const match = useMemo(
    () => ({
      q: q ?? null,
      domain_id: domain_id ?? null,
      destination_id: destination_id ?? null,
      enabled: state === undefined ? null : state === "active",
    }),
    [q, domain_id, destination_id, state],
  );
  const list = useList("/v1/aliases", {
    ...match,
    order: "newest",
    limit: q === undefined ? PAGE.all : PAGE.found,
  });
  const columns = useColumns();
  const [keys, setKeys] = useState(NONE);
  const [isAll, setAll] = useState(false);
  const loaded = useMemo(() => new Set(list.rows.map(({ id }) => id)), [list.rows]);
  const chosen = useMemo(
    () => (isAll ? loaded : new Set([...keys].filter((key) => loaded.has(key)))),
    [isAll, keys, loaded],
  );
  const [asked, ask] = useState<Asked>();
  const clear = useCallback(() => {
    setKeys(NONE);
    setAll(false);
  }, []);
  const set = (next: ReadonlySet<string>) => {
    setAll(false);
    setKeys(next);
  };
  useListKeys();
  const isFiltered = Object.values(match).some((each) => each !== null);
  const filter = (change: Partial<typeof search>) =>
    void navigate({ search: (old) => ({ ...old, ...change }), replace: true });
  const mayWrite = session.can("aliases:write");
  return (
    <div className="stack">
      {chosen.size > 0 ? (
        <BulkBar
          ids={[...chosen]}
          isAll={isAll}
          match={match}
          mayTakeAll={list.hasMore && chosen.size === loaded.size}
          onAll={() => setAll(true)}
          onClear={clear}
          onAsk={ask}
        />
      ) : (
        <FilterBar
          q={q}
          onSearch={(next) => filter({ q: next })}
          placeholder={t`Search address or note`}
          pause={40}
          onClear={isFiltered ? () => void navigate({ search: {}, replace: true }) : undefined}
        >
          <NativeSelect
            aria-label={t`Domain`}
            value={domain_id ?? ""}
            onChange={(event) => filter({ domain_id: event.currentTarget.value || undefined })}
            data={[
              { value: "", label: t`All domains` },
              ...(domains ?? []).map(({ id, name }) => ({ value: id, label: name })),
            ]}
          />
          <DestinationFilter value={destination_id} onChange={(next) => filter({ destination_id: next })} />
          <NativeSelect
            aria-label={t`State`}
            value={state ?? ""}
            onChange={(event) =>
              filter({ state: (event.currentTarget.value || undefined) as "active" | "paused" | undefined })
            }
            data={[
              { value: "", label: t`Active and paused` },
              { value: "active", label: t`Active` },
              { value: "paused", label: t`Paused` },
            ]}
          />
        </FilterBar>
      )}
      <DataTable
        label={t`Aliases`}
        columns={columns}
        list={list}
        rowKey={({ id }) => id}
        onOpen={({ id }) => void navigate({ to: "/aliases/$aliasId", params: { aliasId: id } })}
        {...(mayWrite ? { chosen: { keys: chosen, set } } : {})}
        empty={<Nothing isFiltered={isFiltered} hasDomains={domains === undefined || domains.length > 0} />}
      />
      {asked !== undefined && (
        <BulkDialog
          asked={asked}
          onClose={(isOver) => {
            ask(undefined);
            if (isOver) clear();
          }}
        />
      )}
    </div>
  );
}

function DestinationFilter({
  value,
  onChange,
}: {
  value: string | undefined;
  onChange: (id: string | undefined) => void;
}) {
  const { t } = useLingui();
  const { data } = $api.useQuery("get", "/v1/destinations", { params: { query: { limit: 100 } } });
  if ((data?.data.length ?? 0) < 2 && value === undefined) return null;
  return (
    <NativeSelect
      aria-label={t`Destination`}
      value={value ?? ""}
      onChange={(event) => onChange(event.currentTarget.value || undefined)}
      data={[
        { value: "", label: t`All destinations` },
        ...(data?.data ?? []).map(({ id, address }) => ({ value: id, label: address })),
      ]}
    />
  );
}

function Nothing({ isFiltered, hasDomains }: { isFiltered: boolean; hasDomains: boolean }) {
  const { t } = useLingui();
  const session = useSession();
  const mayWrite = session.can("aliases:write");
  if (isFiltered) {
    return (
      <EmptyState
        icon={IconAlias}
        title={t`No alias matches`}
        action={
          <Button renderRoot={(props) => <Link to="/aliases" {...props} />}>{t`Show all aliases`}</Button>
        }
      >
        <Trans>Search looks in the address and the note.</Trans>
      </EmptyState>
    );
  }
  if (!hasDomains) {
    return (
      <EmptyState
        icon={IconDomain}
        title={t`No aliases yet`}
        action={
          session.can("domains:write") && (
            <Button
              variant="filled"
              renderRoot={(props) => <Link to="/domains" search={{ add: "1" }} {...props} />}
            >
              {t`Add a domain`}
            </Button>
          )
        }
      >
        <Trans>An alias is an address of a domain of yours. Add the domain first.</Trans>
      </EmptyState>
    );
  }
  return (
    <EmptyState
      icon={IconAlias}
      title={t`No aliases yet`}
      action={
        mayWrite && (
          <Button
            variant="filled"
            leftSection={<IconPlus />}
            renderRoot={(props) => <Link to="/aliases" search={{ add: "1" }} {...props} />}
          >
            {t`Create the first alias`}
          </Button>
        )
      }
    >
      <Trans>Mail to your domain is refused until an alias says where it goes.</Trans>
    </EmptyState>
  );
}
