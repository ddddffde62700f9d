// Another address to sign in with: nothing changes before the link in the letter there is opened.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import { api } from "../../api/client";
import { Dialog } from "../../ui/Dialog";
import { Form } from "../../ui/Form";
import { Fresh } from "../../ui/Fresh";

export function ChangeEmail({ onClose }: { onClose: () => void }) {
  const { t } = useLingui();
  const [sent, setSent] = useState<string>();
  return (
    <Dialog title={t`Change your address`} onClose={onClose}>
      {sent === undefined ? (
        <Fresh>
          <EmailForm onSent={setSent} />
        </Fresh>
      ) : (
        <div className="stack" role="status">
          <p>
            <Trans>
              A letter is on its way to <strong>{sent}</strong>. Open its link in this browser, within an
              hour.
            </Trans>
          </p>
          <div className="row">
            <Button onClick={onClose}>
              <Trans>Done</Trans>
            </Button>
          </div>
        </div>
      )}
    </Dialog>
  );
}

function EmailForm({ onSent }: { onSent: (email: string) => void }) {
  const { t } = useLingui();
  const [email, setEmail] = useState("");
  const submit = async () => {
    await api.POST("/v1/me/email", { body: { email: email.trim() } });
    onSent(email.trim());
  };
  return (
    <Form onSubmit={submit} verb={t`Send the link`} isReady={email.trim() !== ""}>
      {(field) => (
        <TextInput
          type="email"
          label={t`New address`}
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
          error={field("email")}
          autoComplete="email"
          data-autofocus
        />
      )}
    </Form>
  );
}
