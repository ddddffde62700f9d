// Letting a suspended account go on, with words to its owners.
import { useLingui } from "@lingui/react/macro";
import { Button, Textarea } from "@mantine/core";
import { useState } from "react";
import { queries } from "../../api/queries";
import { Dialog } from "../../ui/Dialog";
import { Form } from "../../ui/Form";
import { toast } from "../../ui/toasts";
import { type Found, type Overview, overviewQuery, send } from "./client";

export function Resume({ account, onClose }: { account: Found; onClose: () => void }) {
  const { t } = useLingui();
  const [note, setNote] = useState("");
  const resume = async () => {
    const shown = await send<Overview>("POST", `/accounts/${account.id}/resume`, { note: note.trim() });
    queries.setQueryData(overviewQuery(account.id).queryKey, shown);
    void queries.invalidateQueries({ queryKey: ["staff", "accounts"] });
    toast({ text: t`${account.name} works again` });
    onClose();
  };
  return (
    <Dialog title={t`Resume ${account.name}?`} onClose={onClose}>
      <Form
        onSubmit={resume}
        verb={t`Resume the account`}
        beside={<Button onClick={onClose}>{t`Cancel`}</Button>}
      >
        {(field) => (
          <Textarea
            label={t`Note to the owners`}
            description={t`Stands in the letter that they get.`}
            value={note}
            onChange={(event) => setNote(event.currentTarget.value)}
            error={field("note")}
            maxLength={2000}
            rows={3}
          />
        )}
      </Form>
    </Dialog>
  );
}
