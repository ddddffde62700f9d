// Apps that people of the account let in, and taking that back.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useMemo, useState } from "react";
import { api, type Shown } from "../../api/client";
import { useList } from "../../api/lists";
import { useRefresh } from "../../api/refresh";
import { useSession } from "../../api/session";
import { ConfirmDanger } from "../../ui/ConfirmDanger";
import { Section } from "../../ui/Page";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { toast } from "../../ui/toasts";
import { When } from "../../ui/When";
import { ScopeWords } from "./ScopeChoice";
import { useWho } from "./useWho";

type Grant = Shown["OauthGrant"];

export function Grants() {
  const { t } = useLingui();
  const refresh = useRefresh();
  const list = useList("/v1/oauth/grants", { limit: 100 });
  const [asked, ask] = useState<Grant>();
  const columns = useColumns(ask);
  const revoke = async (grant: Grant) => {
    await api.DELETE("/v1/oauth/grants/{grant_id}", { params: { path: { grant_id: grant.id } } });
    await refresh("/v1/oauth/grants");
    toast({ text: t`${grant.app.name} may act no more` });
  };
  return (
    <Section title={t`Apps with access`}>
      <DataTable
        label={t`Apps with access`}
        columns={columns}
        list={list}
        rowKey={({ id }) => id}
        empty={
          <p className="soft">
            <Trans>No app has access to this account.</Trans>
          </p>
        }
      />
      {asked !== undefined && (
        <ConfirmDanger
          title={t`Revoke what ${asked.app.name} may do?`}
          verb={t`Revoke access`}
          onConfirm={() => revoke(asked)}
          onClose={() => ask(undefined)}
        >
          <p>
            <Trans>Its next request is refused. It can ask again.</Trans>
          </p>
        </ConfirmDanger>
      )}
    </Section>
  );
}

function useColumns(ask: (grant: Grant) => void): Column<Grant>[] {
  const { t } = useLingui();
  const session = useSession();
  const who = useWho();
  return useMemo(
    () => [
      {
        id: "app",
        title: t`App`,
        isMain: true,
        cell: ({ app }) => (
          <a href={app.homepage} rel="noopener noreferrer" target="_blank">
            {app.name}
          </a>
        ),
      },
      { id: "who", title: t`Allowed by`, cell: (grant) => who(grant.person_id) },
      { id: "scopes", title: t`Scopes`, cell: ({ scopes }) => <ScopeWords of={scopes} /> },
      {
        id: "used",
        title: t`Last used`,
        cell: (grant) => (grant.last_used_at ? <When at={grant.last_used_at} /> : t`Never`),
      },
      { id: "ends", title: t`Ends unless used`, cell: (grant) => <When at={grant.expires_at} /> },
      {
        id: "revoke",
        title: t`Action`,
        isActions: true,
        align: "end",
        cell: (grant) =>
          (session.can("account:write") || grant.person_id === session.me.id) && (
            <Button size="xs" color="red" onClick={() => ask(grant)}>
              <Trans>Revoke…</Trans>
            </Button>
          ),
      },
    ],
    [t, who, session, ask],
  );
}
