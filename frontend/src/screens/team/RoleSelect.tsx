// A person's role, changed in its place; where it cannot be changed, only said.
import { useLingui } from "@lingui/react/macro";
import { NativeSelect } from "@mantine/core";
import { patch, useChange } from "../../api/change";
import { api } from "../../api/client";
import { type Role, useSession } from "../../api/session";
import type { Member } from "./Members";
import { givable, mayChange, ROLE_NAMES } from "./roles";

export function RoleSelect({ member, isLast }: { member: Member; isLast: boolean }) {
  const { t, i18n } = useLingui();
  const { me, role: mine } = useSession();
  const change = useRoleChange();
  const name = i18n._(ROLE_NAMES[member.role]);
  if (isLast || member.person_id === me.id || !mayChange(mine, member.role)) return name;
  return (
    <NativeSelect
      size="xs"
      aria-label={t`Role of ${member.email}`}
      value={member.role}
      onChange={(event) => void change({ member, role: event.currentTarget.value as Role })}
      data={givable(mine).map((role) => ({ value: role, label: i18n._(ROLE_NAMES[role]) }))}
    />
  );
}

function useRoleChange() {
  const { t, i18n } = useLingui();
  const give = (member: Member, role: Role) =>
    api.PATCH("/v1/members/{member_id}", { params: { path: { member_id: member.id } }, body: { role } });
  return useChange({
    run: ({ member, role }: { member: Member; role: Role }) => give(member, role),
    show: (queries, { member, role }) =>
      patch<Member>(queries, "/v1/members", member.id, (each) => ({ ...each, role })),
    said: ({ member, role }) => t`${member.email} is now ${i18n._(ROLE_NAMES[role])}`,
    undo: ({ member }) => give(member, member.role),
    touches: ["/v1/members"],
  });
}
