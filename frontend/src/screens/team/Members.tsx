// The people of the account.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useMemo, useState } from "react";
import { api, type Shown } from "../../api/client";
import { useList } from "../../api/lists";
import { moveAllTabs } from "../../api/live";
import { useRefresh } from "../../api/refresh";
import { useSession } from "../../api/session";
import { useWhole } from "../../api/whole";
import { ConfirmDanger } from "../../ui/ConfirmDanger";
import { Section } from "../../ui/Page";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { toast } from "../../ui/toasts";
import { When } from "../../ui/When";
import { RoleSelect } from "./RoleSelect";
import { mayChange, ROLES } from "./roles";

export type Member = Shown["Member"];

export function Members() {
  const { t } = useLingui();
  const list = useWhole(useList("/v1/members", { limit: 100 }));
  const [asked, ask] = useState<Member>();
  const columns = useColumns(list.rows, ask);
  return (
    <Section title={t`People`}>
      <DataTable label={t`People`} columns={columns} list={list} rowKey={({ id }) => id} empty={null} />
      {asked !== undefined && <Removal member={asked} onClose={() => ask(undefined)} />}
    </Section>
  );
}

function useColumns(rows: Member[], ask: (member: Member) => void): Column<Member>[] {
  const { t } = useLingui();
  const { me, role } = useSession();
  const isOnlyOwner = rows.filter((each) => each.role === "owner").length < 2;
  return useMemo(
    () => [
      {
        id: "email",
        title: t`Person`,
        isMain: true,
        sort: ({ email }) => email,
        cell: ({ email, person_id: id }) => (
          <>
            {email}
            {id === me.id && <span className="soft"> {t`(you)`}</span>}
          </>
        ),
      },
      { id: "name", title: t`Name`, sort: ({ name }) => name, cell: ({ name }) => name || "–" },
      {
        id: "role",
        title: t`Role`,
        sort: (member) => ROLES.indexOf(member.role),
        cell: (member) => <RoleSelect member={member} isLast={member.role === "owner" && isOnlyOwner} />,
      },
      {
        id: "since",
        title: t`Joined`,
        sort: (member) => member.created_at,
        cell: (member) => <When at={member.created_at} />,
      },
      {
        id: "action",
        title: t`Action`,
        isActions: true,
        align: "end",
        cell: (member) => {
          if (member.role === "owner" && isOnlyOwner) return null;
          const isMe = member.person_id === me.id;
          if (!isMe && !mayChange(role, member.role)) return null;
          return (
            <Button size="xs" color="red" onClick={() => ask(member)}>
              {isMe ? <Trans>Leave…</Trans> : <Trans>Remove…</Trans>}
            </Button>
          );
        },
      },
    ],
    [t, me.id, role, isOnlyOwner, ask],
  );
}

function Removal({ member, onClose }: { member: Member; onClose: () => void }) {
  const { t } = useLingui();
  const { me } = useSession();
  const refresh = useRefresh();
  const isMe = member.person_id === me.id;
  const remove = async () => {
    await api.DELETE("/v1/members/{member_id}", { params: { path: { member_id: member.id } } });
    if (isMe) return moveAllTabs();
    await refresh("/v1/members");
    toast({ text: t`${member.email} removed` });
  };
  return (
    <ConfirmDanger
      title={isMe ? t`Leave this account?` : t`Remove ${member.email}?`}
      verb={isMe ? t`Leave` : t`Remove`}
      onConfirm={remove}
      onClose={onClose}
    >
      <p>
        {isMe ? (
          <Trans>You lose access at once. Somebody has to invite you to come back.</Trans>
        ) : (
          <Trans>They lose access at once. API keys they made stay: revoke those they know.</Trans>
        )}
      </p>
    </ConfirmDanger>
  );
}
