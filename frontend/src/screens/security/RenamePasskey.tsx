// Another name for a passkey.
import { useLingui } from "@lingui/react/macro";
import { TextInput } from "@mantine/core";
import { useState } from "react";
import { api } from "../../api/client";
import { useRefresh } from "../../api/refresh";
import { Dialog } from "../../ui/Dialog";
import { Form } from "../../ui/Form";
import type { Passkey } from "./Passkeys";

export function RenamePasskey({ passkey, onClose }: { passkey: Passkey; onClose: () => void }) {
  const { t } = useLingui();
  const refresh = useRefresh();
  const [name, setName] = useState(passkey.name);
  const submit = async () => {
    const params = { path: { passkey_id: passkey.id } };
    await api.PATCH("/v1/me/passkeys/{passkey_id}", { params, body: { name: name.trim() } });
    await refresh("/v1/me/passkeys");
    onClose();
  };
  return (
    <Dialog title={t`Rename ${passkey.name}`} onClose={onClose}>
      <Form onSubmit={submit} verb={t`Rename`} isReady={name.trim() !== ""}>
        {(field) => (
          <TextInput
            label={t`Name`}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={field("name")}
            maxLength={100}
            data-autofocus
          />
        )}
      </Form>
    </Dialog>
  );
}
