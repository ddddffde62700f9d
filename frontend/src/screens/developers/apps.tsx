// OAuth: apps of the account's own, and apps that its people let in.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import type { Shown } from "../../api/client";
import { useList } from "../../api/lists";
import { useSession } from "../../api/session";
import { EmptyState } from "../../ui/EmptyState";
import { IconCode, IconPlus } from "../../ui/icons";
import { Section } from "../../ui/Page";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { When } from "../../ui/When";
import { AppDrawer } from "./AppDrawer";
import { Grants } from "./Grants";
import { NewApp } from "./NewApp";
import { ScopeWords } from "./ScopeChoice";

export type App = Shown["OauthApp"];

export default function Apps() {
  const { t } = useLingui();
  const session = useSession();
  const search = useSearch({ from: "/developers/apps" });
  const navigate = useNavigate({ from: "/developers/apps" });
  const list = useList("/v1/oauth/apps", { limit: 100 });
  const columns = useColumns();
  const mayMake = session.can("account:write");
  const open = (app: string | undefined) => void navigate({ search: { app } });
  const shown = list.rows.find(({ id }) => id === search.app);
  const add = mayMake && (
    <Button leftSection={<IconPlus />} onClick={() => void navigate({ search: { add: "1" } })}>
      <Trans>Register app</Trans>
    </Button>
  );
  return (
    <>
      <Grants />
      <Section
        title={t`Your own apps`}
        lead={t`OAuth clients of yours, which others may let into their accounts.`}
        actions={list.rows.length > 0 && add}
      >
        <DataTable
          label={t`Your own apps`}
          columns={columns}
          list={list}
          rowKey={({ id }) => id}
          onOpen={({ id }) => open(id)}
          current={search.app}
          empty={
            <EmptyState icon={IconCode} title={t`No apps`} action={add}>
              {mayMake ? (
                <Trans>For your own scripts an API key is all you need.</Trans>
              ) : (
                <Trans>An admin of the account can register one.</Trans>
              )}
            </EmptyState>
          }
        />
      </Section>
      {search.add === "1" && mayMake && <NewApp onClose={() => open(undefined)} />}
      {shown !== undefined && <AppDrawer key={shown.id} shown={shown} onClose={() => open(undefined)} />}
    </>
  );
}

function useColumns(): Column<App>[] {
  const { t } = useLingui();
  return useMemo(
    () => [
      {
        id: "name",
        title: t`Name`,
        isMain: true,
        sort: ({ name }) => name,
        cell: ({ id, name }) => (
          <Link from="/developers/apps" to="." search={{ app: id }}>
            {name}
          </Link>
        ),
      },
      { id: "client", title: t`Client ID`, cell: (app) => <code>{app.client_id}</code> },
      {
        id: "kind",
        title: t`Kind`,
        cell: ({ confidential }) => (confidential ? t`With a secret` : t`Public`),
      },
      { id: "scopes", title: t`Scopes`, cell: ({ scopes }) => <ScopeWords of={scopes} /> },
      { id: "created", title: t`Registered`, cell: (app) => <When at={app.created_at} /> },
    ],
    [t],
  );
}
