// Handing the account over: the other owns it, who did becomes an admin.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { $api, api } from "../../api/client";
import { useList } from "../../api/lists";
import { useRefresh } from "../../api/refresh";
import { useSession } from "../../api/session";
import { useWhole } from "../../api/whole";
import { Dialog } from "../../ui/Dialog";
import { Form } from "../../ui/Form";
import { Fresh } from "../../ui/Fresh";
import { Section } from "../../ui/Page";
import { toast } from "../../ui/toasts";

export function Transfer() {
  const { t } = useLingui();
  const { transfer } = useSearch({ from: "/team" });
  const navigate = useNavigate({ from: "/team" });
  const close = () => void navigate({ search: {} });
  return (
    <Section
      title={t`Hand the account over`}
      lead={t`Another member owns it from then on; you stay as an admin.`}
      actions={
        <Button color="red" onClick={() => void navigate({ search: { transfer: "1" } })}>
          <Trans>Hand over…</Trans>
        </Button>
      }
      tone="danger"
    >
      {transfer === "1" && (
        <Dialog title={t`Hand the account over`} onClose={close}>
          <Fresh>
            <TransferForm onDone={close} />
          </Fresh>
        </Dialog>
      )}
    </Section>
  );
}

function TransferForm({ onDone }: { onDone: () => void }) {
  const { t } = useLingui();
  const { me } = useSession();
  const refresh = useRefresh();
  const account = $api.useQuery("get", "/v1/account");
  const people = useWhole(useList("/v1/members", { limit: 100 })).rows;
  const others = people.filter(({ person_id }) => person_id !== me.id);
  const [chosen, choose] = useState("");
  const [name, setName] = useState("");
  const submit = async () => {
    await api.POST("/v1/account/transfer", { body: { member_id: chosen, name: name.trim() } });
    await refresh("/v1/members", "/v1/me");
    toast({ text: t`Handed over` });
    onDone();
  };
  if (others.length === 0) return <Trans>Nobody else belongs to it yet: invite them first.</Trans>;
  const isReady = chosen !== "" && name.trim() === account.data?.name;
  return (
    <Form onSubmit={submit} verb={t`Hand over`} isReady={isReady}>
      {(field) => (
        <>
          <NativeSelect
            label={t`New owner`}
            value={chosen}
            onChange={(event) => choose(event.currentTarget.value)}
            data={[
              { value: "", label: t`Choose` },
              ...others.map(({ id, email }) => ({ value: id, label: email })),
            ]}
            error={field("member_id")}
          />
          <TextInput
            label={
              <Trans>
                Type <strong>{account.data?.name}</strong> to confirm
              </Trans>
            }
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={field("name")}
            autoComplete="off"
          />
        </>
      )}
    </Form>
  );
}
