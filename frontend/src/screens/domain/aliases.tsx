// Aliases of one domain.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useList } from "../../api/lists";
import { useSession } from "../../api/session";
import { EmptyState } from "../../ui/EmptyState";
import { FilterBar } from "../../ui/FilterBar";
import { IconAlias, IconPlus } from "../../ui/icons";
import { DataTable } from "../../ui/table/DataTable";
import { useListKeys } from "../../ui/table/useListKeys";
import { useColumns } from "../aliases/columns";
import { NewAlias } from "../aliases/NewAlias";
import styles from "./notes.module.css";
import { useDomain } from "./useDomain";

const route = getRouteApi("/domains/$domainId/");

export default function Tab() {
  const { t } = useLingui();
  const domain = useDomain();
  const { q, add } = route.useSearch();
  const navigate = useNavigate();
  const { can } = useSession();
  const list = useList("/v1/aliases", { domain_id: domain.id, q: q ?? null, order: "newest", limit: 100 });
  const columns = useColumns();
  useListKeys();
  const show = (search: { q?: string; add?: "1" }) =>
    void navigate({ to: "/domains/$domainId", params: { domainId: domain.id }, search, replace: true });
  const filter = q === undefined ? {} : { q };
  const mayAdd = can("aliases:write");
  const isAdding = add === "1" && mayAdd;
  const create = (
    <Button variant="filled" leftSection={<IconPlus />} onClick={() => show({ ...filter, add: "1" })}>
      <Trans>Create alias</Trans>
    </Button>
  );
  const isEmpty = list.rows.length === 0 && q === undefined;
  return (
    <div className="stack">
      {isAdding && <NewAlias domains={[domain]} domainId={domain.id} onClose={() => show(filter)} />}
      {!isEmpty && (
        <div className={styles.bar}>
          <FilterBar
            q={q}
            onSearch={(next) => show(next === undefined ? {} : { q: next })}
            placeholder={t`Search address or note`}
          />
          {mayAdd && !isAdding && create}
        </div>
      )}
      <DataTable
        label={t`Aliases`}
        columns={columns}
        list={list}
        rowKey={({ id }) => id}
        onOpen={({ id }) => void navigate({ to: "/aliases/$aliasId", params: { aliasId: id } })}
        empty={
          q === undefined ? (
            <EmptyState icon={IconAlias} title={t`No alias yet`} action={mayAdd && !isAdding && create}>
              <Trans>Mail to {domain.name} is refused until an alias says where it goes.</Trans>
            </EmptyState>
          ) : (
            <EmptyState
              icon={IconAlias}
              title={t`No alias matches`}
              action={
                <Button onClick={() => show({})}>
                  <Trans>Clear the search</Trans>
                </Button>
              }
            >
              <Trans>Nothing of this domain is called “{q}”.</Trans>
            </EmptyState>
          )
        }
      />
    </div>
  );
}
