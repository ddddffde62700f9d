// A new secret for a key; the old one stays valid for as long as its users need to change over.
import { Trans, useLingui } from "@lingui/react/macro";
import { NativeSelect } from "@mantine/core";
import { useState } from "react";
import { api, type Shown } from "../../api/client";
import { useRefresh } from "../../api/refresh";
import { Dialog } from "../../ui/Dialog";
import { Form } from "../../ui/Form";
import type { Key } from "./keys";

interface Props {
  shown: Key;
  onRolled: (made: Shown["KeyWithSecret"]) => void;
  onClose: () => void;
}

export function RollKey({ shown, onRolled, onClose }: Props) {
  const { t } = useLingui();
  const refresh = useRefresh();
  const [hours, setHours] = useState("24");
  const submit = async () => {
    const { data } = await api.POST("/v1/keys/{key_id}/roll", {
      params: { path: { key_id: shown.id } },
      body: { overlap_hours: Number(hours) },
    });
    void refresh("/v1/keys");
    if (data !== undefined) onRolled(data);
  };
  return (
    <Dialog title={t`Roll ${shown.name}`} onClose={onClose}>
      <Form onSubmit={submit} verb={t`Roll the key`}>
        {() => (
          <>
            <p>
              <Trans>You get a new key with the same scopes, domains and end.</Trans>
            </p>
            <NativeSelect
              label={t`The old key ends`}
              value={hours}
              onChange={(event) => setHours(event.currentTarget.value)}
              data={[
                { value: "0", label: t`Now` },
                { value: "1", label: t`In an hour` },
                { value: "24", label: t`In a day` },
                { value: "168", label: t`In 7 days` },
              ]}
            />
          </>
        )}
      </Form>
    </Dialog>
  );
}
