// The account one works in: its name, what is logged of its mail, everything of it to take out.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import { $api, api, type Shown } from "../../api/client";
import { useRefresh } from "../../api/refresh";
import { useSession } from "../../api/session";
import { Facts } from "../../ui/Facts";
import { Form } from "../../ui/Form";
import { IconDownload } from "../../ui/icons";
import { Loaded } from "../../ui/Loaded";
import { Section } from "../../ui/Page";
import { toast } from "../../ui/toasts";
import { At } from "../../ui/When";
import { Policy } from "./Policy";

export function AccountSettings() {
  const { t } = useLingui();
  const account = $api.useQuery("get", "/v1/account");
  return (
    <Section title={t`This account`}>
      <Loaded query={account}>{(shown) => <Settings key={shown.id} shown={shown} />}</Loaded>
    </Section>
  );
}

function Settings({ shown }: { shown: Shown["Account"] }) {
  const { t } = useLingui();
  const may = useSession().can("account:write");
  const [isRead, read] = useState(false);
  const exported = may ? (
    <Button component="a" href="/v1/account/export" download size="xs" leftSection={<IconDownload />}>
      <Trans>Download</Trans>
    </Button>
  ) : (
    t`An admin can download it`
  );
  return (
    <>
      <Facts
        of={[
          ...(may ? [] : [[t`Name`, shown.name] as [string, string]]),
          [
            t`Log policy`,
            <span key="policy" className="row">
              {shown.policy_told_at ? (
                <Trans>
                  Read on <At at={shown.policy_told_at} />
                </Trans>
              ) : (
                <Trans>Not read yet</Trans>
              )}
              <Button size="xs" onClick={() => read(true)}>
                <Trans>Show</Trans>
              </Button>
            </span>,
          ],
          [t`Everything in it`, exported],
        ]}
      />
      {may && <Name shown={shown} />}
      {isRead && <Policy onClose={() => read(false)} />}
    </>
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
