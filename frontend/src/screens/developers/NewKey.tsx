// A new key: its name, what it may, where, until when; then its secret, once.
import { useLingui } from "@lingui/react/macro";
import { NativeSelect, TextInput } from "@mantine/core";
import { useState } from "react";
import { api, type Shown } from "../../api/client";
import { useRefresh } from "../../api/refresh";
import { useSession } from "../../api/session";
import type { ScopeName } from "../../data/scopes";
import { Drawer } from "../../ui/Drawer";
import { Form } from "../../ui/Form";
import { DomainLimit } from "./DomainLimit";
import { KeySecret } from "./KeySecret";
import { ScopeChoice } from "./ScopeChoice";

const DAY = 86_400_000;

export function NewKey({ onClose }: { onClose: () => void }) {
  const { t } = useLingui();
  const [made, setMade] = useState<Shown["KeyWithSecret"]>();
  const [isAsked, setAsked] = useState(false);
  // The first press beside it, or on Escape, asks: the secret cannot be had again.
  const close = () => (made !== undefined && !isAsked ? setAsked(true) : onClose());
  return (
    <Drawer title={made === undefined ? t`Create API key` : made.name} onClose={close}>
      {made === undefined ? (
        <NewKeyForm onMade={setMade} />
      ) : (
        <KeySecret made={made} isAsked={isAsked} onDone={onClose} />
      )}
    </Drawer>
  );
}

function NewKeyForm({ onMade }: { onMade: (made: Shown["KeyWithSecret"]) => void }) {
  const { t } = useLingui();
  const { me } = useSession();
  const refresh = useRefresh();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<ReadonlySet<ScopeName>>(new Set());
  const [domains, setDomains] = useState<string[] | null>(null);
  const [days, setDays] = useState("0");
  const submit = async () => {
    const expires_at = days === "0" ? null : new Date(Date.now() + Number(days) * DAY).toISOString();
    const body = { name: name.trim(), scopes: [...scopes], domain_ids: domains, expires_at };
    const { data } = await api.POST("/v1/keys", { body });
    if (data !== undefined) onMade(data);
    void refresh("/v1/keys");
  };
  const isReady = name.trim() !== "" && scopes.size > 0 && domains?.length !== 0;
  return (
    <Form onSubmit={submit} verb={t`Create key`} isReady={isReady}>
      {(field) => (
        <>
          <TextInput
            label={t`Name`}
            placeholder={t`Backup script`}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={field("name")}
            maxLength={100}
            autoComplete="off"
            data-autofocus
          />
          <ScopeChoice
            value={scopes}
            onChange={setScopes}
            most={new Set(me.scopes)}
            error={field("scopes")}
          />
          <DomainLimit value={domains} onChange={setDomains} />
          <NativeSelect
            label={t`Expires`}
            value={days}
            onChange={(event) => setDays(event.currentTarget.value)}
            data={[
              { value: "0", label: t`Never` },
              { value: "7", label: t`In 7 days` },
              { value: "30", label: t`In 30 days` },
              { value: "90", label: t`In 90 days` },
              { value: "365", label: t`In a year` },
            ]}
            error={field("expires_at")}
          />
        </>
      )}
    </Form>
  );
}
