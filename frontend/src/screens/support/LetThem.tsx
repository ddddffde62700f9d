// Letting our staff look: why, at which domains, for how long.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useState } from "react";
import { api } from "../../api/client";
import { useRefresh } from "../../api/refresh";
import { Dialog } from "../../ui/Dialog";
import { Form } from "../../ui/Form";
import { toast } from "../../ui/toasts";
import { DomainLimit } from "../developers/DomainLimit";

export function LetThem({ onClose }: { onClose: () => void }) {
  const { t } = useLingui();
  const refresh = useRefresh();
  const [reason, setReason] = useState("");
  const [domains, setDomains] = useState<string[] | null>(null);
  const [hours, setHours] = useState("24");
  const submit = async () => {
    const body = { reason: reason.trim(), domain_ids: domains, hours: Number(hours) };
    await api.POST("/v1/support/requests", { body });
    toast({ text: t`Our staff may look now` });
    onClose();
    await refresh("/v1/support", "/v1/account", "/v1/audit", "/v1/privacy");
  };
  return (
    <Dialog title={t`Let our staff read the log`} onClose={onClose}>
      <Form
        onSubmit={submit}
        verb={t`Let them look`}
        isReady={reason.trim() !== "" && domains?.length !== 0}
        beside={<Button onClick={onClose}>{t`Cancel`}</Button>}
      >
        {(field) => (
          <>
            <p>
              <Trans>
                They see the log as you do: senders, subjects, servers and what became of each message. Never
                content, and nothing else of the account. All owners get a letter.
              </Trans>
            </p>
            <TextInput
              label={t`What to look for`}
              description={t`Our staff read this.`}
              placeholder={t`Mail from a supplier is missing since Monday`}
              value={reason}
              onChange={(event) => setReason(event.currentTarget.value)}
              error={field("reason")}
              maxLength={500}
              autoComplete="off"
              data-autofocus
            />
            <DomainLimit
              value={domains}
              onChange={setDomains}
              note={<Trans>Of mail to other domains they see nothing.</Trans>}
            />
            <NativeSelect
              label={t`Ends by itself`}
              value={hours}
              onChange={(event) => setHours(event.currentTarget.value)}
              data={[
                { value: "1", label: t`In an hour` },
                { value: "4", label: t`In 4 hours` },
                { value: "24", label: t`In a day` },
                { value: "72", label: t`In 3 days` },
                { value: "168", label: t`In 7 days` },
              ]}
              error={field("hours")}
            />
          </>
        )}
      </Form>
    </Dialog>
  );
}
