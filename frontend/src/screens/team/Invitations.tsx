// Who is invited and has not accepted yet.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useMemo } from "react";
import { patch, useChange } from "../../api/change";
import { api, type Shown } from "../../api/client";
import { useList } from "../../api/lists";
import { problemOf } from "../../api/problem";
import { useRefresh } from "../../api/refresh";
import { useSession } from "../../api/session";
import { Section } from "../../ui/Page";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { toast } from "../../ui/toasts";
import { When } from "../../ui/When";
import { ROLE_NAMES } from "./roles";

type Invitation = Shown["Invitation"];

export function Invitations() {
  const { t } = useLingui();
  const list = useList("/v1/invitations", { limit: 100 });
  const columns = useColumns();
  // Most accounts have none: then nothing is said of it.
  if (list.rows.length === 0 && list.problem === null) return null;
  return (
    <Section title={t`Invited`}>
      <DataTable label={t`Invited`} columns={columns} list={list} rowKey={({ id }) => id} empty={null} />
    </Section>
  );
}

function useColumns(): Column<Invitation>[] {
  const { t, i18n } = useLingui();
  const may = useSession().can("account:write");
  const withdraw = useWithdrawal();
  const send = useSending();
  return useMemo(
    () => [
      { id: "email", title: t`Address`, isMain: true, cell: ({ email }) => email },
      { id: "role", title: t`Role`, cell: ({ role }) => i18n._(ROLE_NAMES[role]) },
      { id: "by", title: t`Invited by`, cell: (each) => each.invited_by },
      { id: "ends", title: t`Link ends`, cell: (each) => <When at={each.expires_at} /> },
      {
        id: "action",
        title: t`Action`,
        isActions: true,
        align: "end",
        cell: (each) =>
          may && (
            <>
              <Button size="xs" onClick={() => void send(each)}>
                <Trans>Send again</Trans>
              </Button>{" "}
              <Button size="xs" color="red" onClick={() => void withdraw(each)}>
                <Trans>Withdraw</Trans>
              </Button>
            </>
          ),
      },
    ],
    [t, i18n, may, send, withdraw],
  );
}

function useSending() {
  const { t } = useLingui();
  const refresh = useRefresh();
  return async (each: Invitation) => {
    try {
      await api.POST("/v1/invitations/{invitation_id}/send", {
        params: { path: { invitation_id: each.id } },
      });
      toast({ text: t`Sent to ${each.email} again` });
      void refresh("/v1/invitations");
    } catch (error) {
      toast({ text: problemOf(error).detail, tone: "bad" });
    }
  };
}

function useWithdrawal() {
  const { t } = useLingui();
  return useChange({
    run: ({ id }: Invitation) =>
      api.DELETE("/v1/invitations/{invitation_id}", { params: { path: { invitation_id: id } } }),
    show: (queries, { id }) => patch<Invitation>(queries, "/v1/invitations", id, () => null),
    said: ({ email }) => t`Invitation of ${email} withdrawn`,
    touches: ["/v1/invitations"],
  });
}
