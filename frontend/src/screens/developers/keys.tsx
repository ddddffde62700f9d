// API keys of the account: which there are, what each may, when it was used last.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Switch } from "@mantine/core";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import type { Shown } from "../../api/client";
import { useList } from "../../api/lists";
import { useSession } from "../../api/session";
import { useWatched, useWhole } from "../../api/whole";
import { EmptyState } from "../../ui/EmptyState";
import { IconKey, IconPlus } from "../../ui/icons";
import { StateBadge } from "../../ui/StateBadge";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { When } from "../../ui/When";
import styles from "./developers.module.css";
import { KeyDrawer } from "./KeyDrawer";
import { NewKey } from "./NewKey";
import { ScopeWords } from "./ScopeChoice";
import { useDomainNames } from "./useDomainNames";

export type Key = Shown["Key"];
const LOOK_EVERY = 5000;
const hasEnded = ({ state }: Key) => state === "revoked" || state === "expired";

export default function Keys() {
  const { t } = useLingui();
  const session = useSession();
  const search = useSearch({ from: "/developers/keys" });
  const navigate = useNavigate({ from: "/developers/keys" });
  const list = useWhole(useList("/v1/keys", { limit: 100 }));
  // No live event tells that a key was used.
  useWatched(list.again, LOOK_EVERY);
  const columns = useColumns();
  const rows = useMemo(
    () => list.rows.filter((key) => search.ended === "1" || !hasEnded(key)).reverse(),
    [list.rows, search.ended],
  );
  const mayMake = session.can("account:write");
  const open = (key: string | undefined) => void navigate({ search: { ...search, key, add: undefined } });
  const shown = list.rows.find(({ id }) => id === search.key);
  const add = mayMake && (
    <Button
      variant="filled"
      leftSection={<IconPlus />}
      onClick={() => void navigate({ search: { add: "1" } })}
    >
      <Trans>Create key</Trans>
    </Button>
  );
  return (
    <>
      {list.rows.length > 0 && (
        <div className={styles.bar}>
          <Switch
            label={t`Show ended keys`}
            checked={search.ended === "1"}
            onChange={(event) =>
              void navigate({
                search: { ...search, ended: event.currentTarget.checked ? "1" : undefined },
                replace: true,
              })
            }
          />
          {add}
        </div>
      )}
      <DataTable
        label={t`API keys`}
        columns={columns}
        list={{ ...list, rows, hasMore: false }}
        rowKey={(key) => key.id}
        onOpen={(key) => open(key.id)}
        current={search.key}
        empty={
          <EmptyState icon={IconKey} title={t`No API keys`} action={add}>
            {mayMake ? (
              <Trans>A key lets a script of yours use the API, with the scopes that you choose.</Trans>
            ) : (
              <Trans>An admin of the account can create one.</Trans>
            )}
          </EmptyState>
        }
      />
      {search.add === "1" && mayMake && <NewKey onClose={() => open(undefined)} />}
      {shown !== undefined && <KeyDrawer key={shown.id} shown={shown} onClose={() => open(undefined)} />}
    </>
  );
}

function useColumns(): Column<Key>[] {
  const { t } = useLingui();
  const names = useDomainNames();
  return useMemo(
    () => [
      {
        id: "name",
        title: t`Name`,
        isMain: true,
        sort: ({ name }) => name,
        cell: (key) => (
          <Link from="/developers/keys" to="." search={(before) => ({ ...before, key: key.id })}>
            {key.name}
          </Link>
        ),
      },
      { id: "prefix", title: t`Key`, cell: ({ prefix }) => <code>{prefix}…</code> },
      { id: "scopes", title: t`Scopes`, cell: ({ scopes }) => <ScopeWords of={scopes} /> },
      { id: "domains", title: t`Domains`, cell: ({ domain_ids: ids }) => names(ids) },
      {
        id: "used",
        title: t`Last used`,
        sort: (key) => key.last_used_at ?? "",
        cell: (key) => (key.last_used_at ? <When at={key.last_used_at} /> : t`Never`),
      },
      {
        id: "ends",
        title: t`Expires`,
        sort: (key) => key.expires_at ?? "9",
        cell: (key) => <Ends of={key} />,
      },
    ],
    [t, names],
  );
}

export function Ends({ of: key }: { of: Key }) {
  const { t } = useLingui();
  if (key.state === "revoked") return <StateBadge state="off">{t`Revoked`}</StateBadge>;
  if (key.state === "expired") return <StateBadge state="off">{t`Expired`}</StateBadge>;
  if (key.expires_at === null) return t`Never`;
  return (
    <span className="row">
      <When at={key.expires_at} />
      {key.state === "rolled" && <StateBadge state="waiting">{t`Rolled`}</StateBadge>}
    </span>
  );
}
