// A link to the account, by mail.
import { useLingui } from "@lingui/react/macro";
import { NativeSelect, TextInput } from "@mantine/core";
import { useState } from "react";
import { api } from "../../api/client";
import { useRefresh } from "../../api/refresh";
import { type Role, useSession } from "../../api/session";
import { Dialog } from "../../ui/Dialog";
import { Form } from "../../ui/Form";
import { toast } from "../../ui/toasts";
import { givable, ROLE_NAMES } from "./roles";

export function Invite({ onClose }: { onClose: () => void }) {
  const { t, i18n } = useLingui();
  const { role: mine } = useSession();
  const refresh = useRefresh();
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<Role>("member");
  const submit = async () => {
    await api.POST("/v1/invitations", { body: { email: email.trim(), role } });
    await refresh("/v1/invitations");
    toast({ text: t`Invitation sent to ${email.trim()}` });
    onClose();
  };
  return (
    <Dialog title={t`Invite somebody`} onClose={onClose}>
      <Form onSubmit={submit} verb={t`Send the invitation`} isReady={email.trim() !== ""}>
        {(field) => (
          <>
            <TextInput
              type="email"
              label={t`Address`}
              value={email}
              onChange={(event) => setEmail(event.currentTarget.value)}
              error={field("email")}
              autoComplete="off"
              data-autofocus
            />
            <NativeSelect
              label={t`Role`}
              value={role}
              onChange={(event) => setRole(event.currentTarget.value as Role)}
              data={givable(mine).map((each) => ({ value: each, label: i18n._(ROLE_NAMES[each]) }))}
              error={field("role")}
            />
          </>
        )}
      </Form>
    </Dialog>
  );
}
