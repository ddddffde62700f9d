// One OAuth app: what a client library needs, what it says of itself, a new secret, its end.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { api } from "../../api/client";
import { useRefresh } from "../../api/refresh";
import { useSession } from "../../api/session";
import { ConfirmDanger } from "../../ui/ConfirmDanger";
import { CopyField } from "../../ui/CopyField";
import { Drawer } from "../../ui/Drawer";
import { Facts } from "../../ui/Facts";
import { Form } from "../../ui/Form";
import { toast } from "../../ui/toasts";
import { At } from "../../ui/When";
import { type AppDraft, AppFields, bodyOf, isWhole } from "./AppFields";
import type { App } from "./apps";
import { SecretShown } from "./SecretShown";

export function AppDrawer({ shown, onClose }: { shown: App; onClose: () => void }) {
  const { t } = useLingui();
  const may = useSession().can("account:write");
  const [secret, setSecret] = useState<string>();
  const [isAsked, setAsked] = useState(false);
  const close = () => (secret !== undefined && !isAsked ? setAsked(true) : onClose());
  if (secret !== undefined) {
    return (
      <Drawer title={shown.name} onClose={close}>
        <SecretShown secret={secret} isAsked={isAsked} onDone={onClose} />
      </Drawer>
    );
  }
  return (
    <Drawer title={shown.name} onClose={close}>
      <div className="stack">
        <CopyField label={t`the client ID`} value={shown.client_id} />
        <Facts of={factsOf(shown, t)} />
        {may && <Change shown={shown} />}
        {may && <Endings shown={shown} onSecret={setSecret} onDeleted={onClose} />}
      </div>
    </Drawer>
  );
}

function factsOf(app: App, t: ReturnType<typeof useLingui>["t"]): [string, ReactNode][] {
  return [
    [t`Kind`, app.confidential ? t`With a secret` : t`Public: PKCE, no secret`],
    [
      t`Endpoints`,
      <code key="ends">{`${window.location.origin}/.well-known/oauth-authorization-server`}</code>,
    ],
    [t`Registered`, <At key="at" at={app.created_at} />],
  ];
}

function Change({ shown }: { shown: App }) {
  const { t } = useLingui();
  const refresh = useRefresh();
  const [draft, setDraft] = useState<AppDraft>({
    name: shown.name,
    homepage: shown.homepage,
    uris: shown.redirect_uris.join("\n"),
    scopes: new Set(shown.scopes),
  });
  const submit = async () => {
    await api.PATCH("/v1/oauth/apps/{app_id}", {
      params: { path: { app_id: shown.id } },
      body: bodyOf(draft),
    });
    await refresh("/v1/oauth/apps");
    toast({ text: t`Saved` });
  };
  return (
    <Form onSubmit={submit} verb={t`Save`} isReady={isWhole(draft)}>
      {(field) => <AppFields value={draft} onChange={setDraft} field={field} />}
    </Form>
  );
}

interface EndingsProps {
  shown: App;
  onSecret: (secret: string) => void;
  onDeleted: () => void;
}

function Endings({ shown, onSecret, onDeleted }: EndingsProps) {
  const { t } = useLingui();
  const refresh = useRefresh();
  const [asked, ask] = useState<"roll" | "delete">();
  const params = { path: { app_id: shown.id } };
  const roll = async () => {
    const { data } = await api.POST("/v1/oauth/apps/{app_id}/secret", { params });
    if (data?.client_secret) onSecret(data.client_secret);
  };
  const end = async () => {
    await api.DELETE("/v1/oauth/apps/{app_id}", { params });
    await refresh("/v1/oauth");
    toast({ text: t`${shown.name} deleted` });
    onDeleted();
  };
  return (
    <div className="row">
      {shown.confidential && (
        <Button onClick={() => ask("roll")}>
          <Trans>Replace the secret…</Trans>
        </Button>
      )}
      <Button color="red" onClick={() => ask("delete")}>
        <Trans>Delete…</Trans>
      </Button>
      {asked === "roll" && (
        <ConfirmDanger
          title={t`Replace the secret of ${shown.name}?`}
          verb={t`Replace it`}
          onConfirm={roll}
          onClose={() => ask(undefined)}
        >
          <p>
            <Trans>The old secret ends at once. Access that people gave stays.</Trans>
          </p>
        </ConfirmDanger>
      )}
      {asked === "delete" && (
        <ConfirmDanger
          title={t`Delete ${shown.name}?`}
          name={shown.name}
          verb={t`Delete the app`}
          onConfirm={end}
          onClose={() => ask(undefined)}
        >
          <p>
            <Trans>All access that people gave it ends at once.</Trans>
          </p>
        </ConfirmDanger>
      )}
    </div>
  );
}
