// One more account, for another company say: it is theirs, and they work in it from then on.
import { useLingui } from "@lingui/react/macro";
import { TextInput } from "@mantine/core";
import { useState } from "react";
import { api } from "../../api/client";
import { moveAllTabs } from "../../api/live";
import { Dialog } from "../../ui/Dialog";
import { Form } from "../../ui/Form";

export function NewAccount({ onClose }: { onClose: () => void }) {
  const { t } = useLingui();
  const [name, setName] = useState("");
  const submit = async () => {
    const { data } = await api.POST("/v1/accounts", { body: { name: name.trim() } });
    if (data === undefined) return;
    await api.POST("/v1/me/account", { body: { account_id: data.id } });
    moveAllTabs();
  };
  return (
    <Dialog title={t`Open another account`} onClose={onClose}>
      <Form onSubmit={submit} verb={t`Open the account`} isReady={name.trim() !== ""}>
        {(field) => (
          <TextInput
            label={t`Name`}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={field("name")}
            maxLength={100}
            autoComplete="off"
            data-autofocus
          />
        )}
      </Form>
    </Dialog>
  );
}
