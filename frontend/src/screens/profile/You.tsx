// One's name and the address one signs in with.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, TextInput } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api } from "../../api/client";
import { useRefresh } from "../../api/refresh";
import { useSession } from "../../api/session";
import { Facts } from "../../ui/Facts";
import { Form } from "../../ui/Form";
import { Section } from "../../ui/Page";
import { toast } from "../../ui/toasts";

export function You() {
  const { t } = useLingui();
  const { me } = useSession();
  const refresh = useRefresh();
  const navigate = useNavigate({ from: "/profile" });
  const [name, setName] = useState(me.name);
  const submit = async () => {
    await api.PATCH("/v1/me", { body: { name: name.trim() } });
    await refresh("/v1/me", "/v1/members");
    toast({ text: t`Name saved` });
  };
  const change = (
    <Button size="xs" onClick={() => void navigate({ search: { do: "email" }, resetScroll: false })}>
      <Trans>Change…</Trans>
    </Button>
  );
  return (
    <Section title={t`You`}>
      <Facts
        of={[
          [
            t`Address`,
            <span key="email" className="row">
              {me.email} {change}
            </span>,
          ],
        ]}
      />
      <Form onSubmit={submit} verb={t`Save`} isQuiet isReady={name.trim() !== me.name}>
        {(field) => (
          <TextInput
            label={t`Name`}
            description={t`As your team sees you`}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={field("name")}
            maxLength={100}
            autoComplete="name"
          />
        )}
      </Form>
    </Section>
  );
}
