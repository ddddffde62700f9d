// A new passkey: its name, then the browser asks for the device.
import { Trans, useLingui } from "@lingui/react/macro";
import { TextInput } from "@mantine/core";
import { useState } from "react";
import { api } from "../../api/client";
import { Problem } from "../../api/problem";
import { useRefresh } from "../../api/refresh";
import { Dialog } from "../../ui/Dialog";
import { Form } from "../../ui/Form";
import { Fresh } from "../../ui/Fresh";
import { toast } from "../../ui/toasts";
import { canAddPasskeys, makePasskey } from "./webauthn";

export function AddPasskey({ onClose }: { onClose: () => void }) {
  const { t } = useLingui();
  return (
    <Dialog title={t`Add passkey`} onClose={onClose}>
      <Fresh>
        {canAddPasskeys() ? (
          <AddForm onDone={onClose} />
        ) : (
          <Trans>This browser has no passkeys here: they need an up-to-date browser and https.</Trans>
        )}
      </Fresh>
    </Dialog>
  );
}

function AddForm({ onDone }: { onDone: () => void }) {
  const { t } = useLingui();
  const refresh = useRefresh();
  const [name, setName] = useState("");
  const submit = async () => {
    const options = await api.POST("/v1/me/passkeys/options");
    const credential = await makePasskey(options.data ?? {}).catch((error: unknown) => {
      const isKnown = error instanceof DOMException && error.name === "InvalidStateError";
      throw refused(isKnown ? t`This device has a passkey here already.` : t`The device refused.`);
    });
    if (credential === null) throw refused(t`No passkey was made. Try again when you are ready.`);
    await api.POST("/v1/me/passkeys", { body: { name: name.trim(), credential } });
    await refresh("/v1/me", "/v1/audit");
    toast({ text: t`${name.trim()} added` });
    onDone();
  };
  return (
    <Form onSubmit={submit} verb={t`Continue`} isReady={name.trim() !== ""}>
      {(field) => (
        <TextInput
          label={t`Name`}
          description={t`How you recognise the device`}
          placeholder={t`Laptop`}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={field("name")}
          maxLength={100}
          autoComplete="off"
          data-autofocus
        />
      )}
    </Form>
  );
}

function refused(why: string): Problem {
  return new Problem(0, "passkey_invalid", why);
}
