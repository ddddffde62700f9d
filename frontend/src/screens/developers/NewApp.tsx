// A new OAuth app; where it has a secret, it is shown once.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Checkbox } from "@mantine/core";
import { useState } from "react";
import { api, type Shown } from "../../api/client";
import { useRefresh } from "../../api/refresh";
import { CopyField } from "../../ui/CopyField";
import { Drawer } from "../../ui/Drawer";
import { Form } from "../../ui/Form";
import { type AppDraft, AppFields, bodyOf, isWhole } from "./AppFields";
import { SecretShown } from "./SecretShown";

type Made = Shown["OauthAppSecret"];

export function NewApp({ onClose }: { onClose: () => void }) {
  const { t } = useLingui();
  const [made, setMade] = useState<Made>();
  const [isAsked, setAsked] = useState(false);
  const isSecret = made !== undefined && made.client_secret !== null;
  const close = () => (isSecret && !isAsked ? setAsked(true) : onClose());
  return (
    <Drawer title={made === undefined ? t`Register app` : made.name} onClose={close}>
      {made === undefined ? (
        <NewAppForm onMade={setMade} />
      ) : (
        <MadeApp made={made} isAsked={isAsked} onDone={onClose} />
      )}
    </Drawer>
  );
}

function NewAppForm({ onMade }: { onMade: (made: Made) => void }) {
  const { t } = useLingui();
  const refresh = useRefresh();
  const [draft, setDraft] = useState<AppDraft>({ name: "", homepage: "", uris: "", scopes: new Set() });
  const [confidential, setConfidential] = useState(false);
  const submit = async () => {
    const { data } = await api.POST("/v1/oauth/apps", { body: { ...bodyOf(draft), confidential } });
    void refresh("/v1/oauth/apps");
    if (data !== undefined) onMade(data);
  };
  return (
    <Form onSubmit={submit} verb={t`Register app`} isReady={isWhole(draft)}>
      {(field) => (
        <>
          <AppFields value={draft} onChange={setDraft} field={field} />
          <Checkbox
            label={t`Runs on a server and can keep a secret`}
            checked={confidential}
            onChange={(event) => setConfidential(event.currentTarget.checked)}
          />
        </>
      )}
    </Form>
  );
}

function MadeApp({ made, isAsked, onDone }: { made: Made; isAsked: boolean; onDone: () => void }) {
  const { t } = useLingui();
  const client = (
    <div className="stack">
      <p className="soft">{t`Client ID`}</p>
      <CopyField label={t`the client ID`} value={made.client_id} />
    </div>
  );
  if (made.client_secret !== null) {
    return (
      <SecretShown secret={made.client_secret} isAsked={isAsked} onDone={onDone}>
        {client}
      </SecretShown>
    );
  }
  return (
    <div className="stack">
      {client}
      <div className="row">
        <Button variant="filled" onClick={onDone}>
          <Trans>Done</Trans>
        </Button>
      </div>
    </div>
  );
}
