// Aliases of one domain.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import type { Shown } from "../../api/client";
import { useList } from "../../api/lists";
import { useSession } from "../../api/session";
import { EmptyState } from "../../ui/EmptyState";
import { FilterBar } from "../../ui/FilterBar";
import { IconAlias, IconPlus } from "../../ui/icons";
import { StateBadge } from "../../ui/StateBadge";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import type { Domain } from "./health";
import { useDomain } from "./useDomain";

type Alias = Shown["Alias"];
const route = getRouteApi("/domains/$domainId/");

export default function Tab() {
  const { t } = useLingui();
  const domain = useDomain();
  const { q } = route.useSearch();
  const navigate = useNavigate();
  const { can } = useSession();
  const list = useList("/v1/domains/{domain_id}/aliases", { q: q ?? null }, { domain_id: domain.id });
  const search = (next: string | undefined) =>
    void navigate({
      to: "/domains/$domainId",
      params: { domainId: domain.id },
      search: next === undefined ? {} : { q: next },
      replace: true,
    });
  const columns = useColumns();
  if (domain.alias_count === 0 && q === undefined) {
    return <NoAliases domain={domain} mayAdd={can("aliases:write")} />;
  }
  return (
    <>
      <div className="row">
        <FilterBar q={q} onSearch={search} placeholder={t`Search aliases of this domain`} />
        {can("aliases:write") && <CreateAlias domain={domain} />}
      </div>
      <DataTable
        label={t`Aliases`}
        columns={columns}
        list={list}
        rowKey={({ id }) => id}
        onOpen={({ id }) => void navigate({ to: "/aliases/$aliasId", params: { aliasId: id } })}
        empty={
          <EmptyState icon={IconAlias} title={t`No alias is called that`}>
            <Trans>Nothing of this domain matches the search.</Trans>
          </EmptyState>
        }
      />
    </>
  );
}

function CreateAlias({ domain }: { domain: Domain }) {
  const navigate = useNavigate();
  const open = () => void navigate({ to: "/aliases", search: { domain_id: domain.id, add: "1" } });
  return (
    <Button variant="filled" leftSection={<IconPlus />} onClick={open}>
      <Trans>Create alias</Trans>
    </Button>
  );
}

function NoAliases({ domain, mayAdd }: { domain: Domain; mayAdd: boolean }) {
  const { t } = useLingui();
  return (
    <EmptyState icon={IconAlias} title={t`No alias yet`} action={mayAdd && <CreateAlias domain={domain} />}>
      <Trans>Mail to {domain.name} is refused until an alias says where it goes.</Trans>
    </EmptyState>
  );
}

function useColumns(): Column<Alias>[] {
  const { t } = useLingui();
  return useMemo(
    () => [
      {
        id: "address",
        title: t`Alias`,
        isMain: true,
        sort: ({ local_part }) => local_part,
        cell: ({ id, address }) => (
          <Link to="/aliases/$aliasId" params={{ aliasId: id }}>
            {address}
          </Link>
        ),
      },
      {
        id: "to",
        title: t`Forwards to`,
        cell: ({ destinations }) => destinations.map(({ address }) => address).join(", "),
      },
      { id: "state", title: t`State`, width: "8rem", cell: (row) => <AliasState alias={row} /> },
    ],
    [t],
  );
}

function AliasState({ alias }: { alias: Alias }) {
  const { t } = useLingui();
  if (alias.paused_at !== null) return <StateBadge state="paused" />;
  if (!alias.enabled) return <StateBadge state="off" />;
  const states = alias.destinations.map(({ state }) => state);
  if (states.includes("confirmed")) return <StateBadge state="ok">{t`On`}</StateBadge>;
  if (states.includes("failing")) return <StateBadge state="failing" />;
  return <StateBadge state="waiting">{t`Unconfirmed`}</StateBadge>;
}
