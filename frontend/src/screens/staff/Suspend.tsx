// Suspending: for one of six reasons, with words to the owners. They get them by mail at once.
import { Trans, useLingui } from "@lingui/react/macro";
import { NativeSelect, Textarea } from "@mantine/core";
import { useState } from "react";
import { queries } from "../../api/queries";
import { ConfirmDanger } from "../../ui/ConfirmDanger";
import { toast } from "../../ui/toasts";
import { type Found, type Overview, overviewQuery, REASONS, type Reason, send } from "./client";

export function Suspend({ account, onClose }: { account: Found; onClose: () => void }) {
  const { t } = useLingui();
  const words = useReasons();
  const [reason, setReason] = useState<Reason>("spam");
  const [note, setNote] = useState("");
  const suspend = async () => {
    const shown = await send<Overview>("POST", `/accounts/${account.id}/suspend`, {
      reason,
      note: note.trim(),
    });
    queries.setQueryData(overviewQuery(account.id).queryKey, shown);
    void queries.invalidateQueries({ queryKey: ["staff", "accounts"] });
    toast({ text: t`${account.name} suspended` });
  };
  return (
    <ConfirmDanger
      title={t`Suspend ${account.name}?`}
      verb={t`Suspend the account`}
      onConfirm={suspend}
      onClose={onClose}
    >
      <div className="stack">
        <p>
          <Trans>
            Mail to its domains is put off, later refused, and nothing of it can be changed. What was taken is
            still delivered. Its owners get a letter with the reason and your note.
          </Trans>
        </p>
        <NativeSelect
          label={t`Reason`}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value as Reason)}
          data={REASONS.map((value) => ({ value, label: words[value] }))}
        />
        <Textarea
          label={t`Note to the owners`}
          description={t`What you saw, and what they can do. Left out: the reason alone.`}
          value={note}
          onChange={(event) => setNote(event.currentTarget.value)}
          maxLength={2000}
          rows={4}
        />
      </div>
    </ConfirmDanger>
  );
}

function useReasons(): Record<Reason, string> {
  const { t } = useLingui();
  return {
    spam: t`Mail that people did not ask for`,
    phishing: t`Deceives people`,
    malware: t`Spreads malware`,
    fraud: t`Fraud, or paid in somebody else's name`,
    compromised: t`Taken over by somebody else`,
    legal: t`The law obliges us`,
  };
}
