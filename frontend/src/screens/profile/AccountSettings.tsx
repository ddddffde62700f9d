// The account one works in: its name.
import { Trans, useLingui } from "@lingui/react/macro";
import { TextInput } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { $api, api, type Shown } from "../../api/client";
import { useRefresh } from "../../api/refresh";
import { useSession } from "../../api/session";
import { Facts } from "../../ui/Facts";
import { Form } from "../../ui/Form";
import { Loaded } from "../../ui/Loaded";
import { Section } from "../../ui/Page";
import { toast } from "../../ui/toasts";

export function AccountSettings() {
  const { t } = useLingui();
  const account = $api.useQuery("get", "/v1/account");
  const may = useSession().can("account:write");
  return (
    <Section
      title={t`This account`}
      lead={
        <Trans>
          What is held of it, and its export, are at <Link to="/privacy">Privacy</Link>.
        </Trans>
      }
    >
      <Loaded query={account} lines={2}>
        {(shown) => (may ? <Name key={shown.id} shown={shown} /> : <Facts of={[[t`Name`, shown.name]]} />)}
      </Loaded>
    </Section>
  );
}

function Name({ shown }: { shown: Shown["Account"] }) {
  const { t } = useLingui();
  const refresh = useRefresh();
  const [name, setName] = useState(shown.name);
  const submit = async () => {
    await api.PATCH("/v1/account", { body: { name: name.trim() } });
    await refresh("/v1/account", "/v1/me");
    toast({ text: t`Name saved` });
  };
  const isReady = name.trim() !== "" && name.trim() !== shown.name;
  return (
    <Form onSubmit={submit} verb={t`Save`} isQuiet isReady={isReady}>
      {(field) => (
        <TextInput
          label={t`Name of the account`}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={field("name")}
          maxLength={100}
          autoComplete="off"
        />
      )}
    </Form>
  );
}
