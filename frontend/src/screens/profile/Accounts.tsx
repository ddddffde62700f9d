// The accounts one belongs to: go there, or open one more.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import { api, type Shown } from "../../api/client";
import { moveAllTabs } from "../../api/live";
import { problemOf } from "../../api/problem";
import { useSession } from "../../api/session";
import { Section } from "../../ui/Page";
import { StateBadge } from "../../ui/StateBadge";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { toast } from "../../ui/toasts";
import { ROLE_NAMES } from "../team/roles";

type Belonging = Shown["Belonging"];

export function Accounts() {
  const { t } = useLingui();
  const { me } = useSession();
  const navigate = useNavigate({ from: "/profile" });
  const columns = useColumns(me.account_id);
  const open = () => void navigate({ search: { do: "open-account" }, resetScroll: false });
  return (
    <Section
      title={t`Your accounts`}
      actions={
        <Button onClick={open}>
          <Trans>Open another…</Trans>
        </Button>
      }
    >
      <DataTable
        label={t`Your accounts`}
        columns={columns}
        rows={me.accounts}
        rowKey={({ id }) => id}
        empty={null}
      />
    </Section>
  );
}

function useColumns(current: string | null): Column<Belonging>[] {
  const { t, i18n } = useLingui();
  return useMemo(() => {
    const enter = (id: string) =>
      api
        .POST("/v1/me/account", { body: { account_id: id } })
        .then(moveAllTabs, (error) => toast({ text: problemOf(error).detail, tone: "bad" }));
    return [
      {
        id: "name",
        title: t`Account`,
        isMain: true,
        cell: ({ id, name }) => (
          <span className="row">
            {name}
            {id === current && <StateBadge state="ok">{t`You work here`}</StateBadge>}
          </span>
        ),
      },
      { id: "role", title: t`Role`, cell: ({ role }) => i18n._(ROLE_NAMES[role]) },
      {
        id: "action",
        title: t`Action`,
        isActions: true,
        align: "end",
        cell: ({ id }) =>
          id !== current && (
            <Button size="xs" onClick={() => void enter(id)}>
              <Trans>Work here</Trans>
            </Button>
          ),
      },
    ];
  }, [t, i18n, current]);
}
