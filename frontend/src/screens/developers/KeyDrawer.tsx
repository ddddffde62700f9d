// One key: what it may, its example, a new name; rolled or revoked.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, TextInput } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { api, type Shown } from "../../api/client";
import { useRefresh } from "../../api/refresh";
import { useSession } from "../../api/session";
import { ConfirmDanger } from "../../ui/ConfirmDanger";
import { Dialog } from "../../ui/Dialog";
import { Drawer } from "../../ui/Drawer";
import { Facts } from "../../ui/Facts";
import { Form } from "../../ui/Form";
import { toast } from "../../ui/toasts";
import { At, When } from "../../ui/When";
import { Code } from "./Code";
import { curlExample } from "./example";
import { KeySecret } from "./KeySecret";
import { Ends, type Key } from "./keys";
import { RollKey } from "./RollKey";
import { useDomainNames } from "./useDomainNames";

interface Props {
  shown: Key;
  onClose: () => void;
}

export function KeyDrawer({ shown, onClose }: Props) {
  const [made, setMade] = useState<Shown["KeyWithSecret"]>();
  const [isAsked, setAsked] = useState(false);
  const close = () => (made !== undefined && !isAsked ? setAsked(true) : onClose());
  return (
    <Drawer title={shown.name} onClose={close}>
      {made !== undefined ? (
        <KeySecret made={made} isAsked={isAsked} onDone={onClose} />
      ) : (
        <Details shown={shown} onRolled={setMade} onRevoked={onClose} />
      )}
    </Drawer>
  );
}

interface DetailsProps {
  shown: Key;
  onRolled: (made: Shown["KeyWithSecret"]) => void;
  onRevoked: () => void;
}

function Details({ shown, onRolled, onRevoked }: DetailsProps) {
  const { t } = useLingui();
  const may = useSession().can("account:write");
  const isOver = shown.state === "revoked" || shown.state === "expired";
  const example = curlExample(shown, "$CLEARPOST_API_KEY", window.location.origin);
  return (
    <div className="stack">
      <KeyFacts shown={shown} />
      {example !== null && !isOver && (
        <Code title={<Trans>Example</Trans>} label={t`the example`}>
          {example}
        </Code>
      )}
      {may && !isOver && <Endings shown={shown} onRolled={onRolled} onRevoked={onRevoked} />}
    </div>
  );
}

function KeyFacts({ shown }: { shown: Key }) {
  const { t } = useLingui();
  const names = useDomainNames();
  return (
    <Facts
      of={[
        [t`Key`, <code key="key">{shown.prefix}…</code>],
        [t`Scopes`, <code key="scopes">{shown.scopes.join(", ")}</code>],
        [t`Domains`, names(shown.domain_ids)],
        [t`Created`, <At key="created" at={shown.created_at} />],
        [t`Last used`, shown.last_used_at ? <When key="used" at={shown.last_used_at} /> : t`Never`],
        [t`Expires`, <Ends key="ends" of={shown} />],
        [
          t`Requests`,
          <Link key="requests" to="/developers/requests" search={{ actor: shown.id }}>
            <Trans>What it asked for</Trans>
          </Link>,
        ],
      ]}
    />
  );
}

function Rename({ shown, onClose }: { shown: Key; onClose: () => void }) {
  const { t } = useLingui();
  const refresh = useRefresh();
  const [name, setName] = useState(shown.name);
  const submit = async () => {
    const params = { path: { key_id: shown.id } };
    await api.PATCH("/v1/keys/{key_id}", { params, body: { name: name.trim() } });
    await refresh("/v1/keys");
    onClose();
  };
  return (
    <Dialog title={t`Rename ${shown.name}`} onClose={onClose}>
      <Form onSubmit={submit} verb={t`Rename`} isReady={name.trim() !== ""}>
        {(field) => (
          <TextInput
            label={t`Name`}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={field("name")}
            maxLength={100}
          />
        )}
      </Form>
    </Dialog>
  );
}

function Endings({ shown, onRolled, onRevoked }: DetailsProps) {
  const { t } = useLingui();
  const refresh = useRefresh();
  const [asked, ask] = useState<"rename" | "roll" | "revoke">();
  const revoke = async () => {
    await api.DELETE("/v1/keys/{key_id}", { params: { path: { key_id: shown.id } } });
    await refresh("/v1/keys");
    toast({ text: t`${shown.name} revoked` });
    onRevoked();
  };
  return (
    <div className="row">
      <Button onClick={() => ask("rename")}>
        <Trans>Rename…</Trans>
      </Button>
      {shown.rolled_to === null && (
        <Button onClick={() => ask("roll")}>
          <Trans>Roll…</Trans>
        </Button>
      )}
      <Button color="red" onClick={() => ask("revoke")}>
        <Trans>Revoke…</Trans>
      </Button>
      {asked === "rename" && <Rename shown={shown} onClose={() => ask(undefined)} />}
      {asked === "roll" && <RollKey shown={shown} onRolled={onRolled} onClose={() => ask(undefined)} />}
      {asked === "revoke" && (
        <ConfirmDanger
          title={t`Revoke ${shown.name}?`}
          verb={t`Revoke the key`}
          onConfirm={revoke}
          onClose={() => ask(undefined)}
        >
          <p>
            <Trans>Its next request is refused. A revoked key never comes back.</Trans>
          </p>
        </ConfirmDanger>
      )}
    </div>
  );
}
