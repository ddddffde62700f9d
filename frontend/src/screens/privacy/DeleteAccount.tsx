// The end of an account: its name is typed, and its export taken first, or turned down.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Checkbox } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { $api, api } from "../../api/client";
import { sayGoodbye } from "../../api/goodbye";
import { ConfirmDanger } from "../../ui/ConfirmDanger";
import { Dialog } from "../../ui/Dialog";
import { Fresh, useIsFresh } from "../../ui/Fresh";
import { Section } from "../../ui/Page";
import styles from "./privacy.module.css";

/** For its owner. */
export function Ending() {
  const { t } = useLingui();
  const navigate = useNavigate({ from: "/privacy" });
  const open = () => void navigate({ search: { do: "delete-account" }, resetScroll: false });
  return (
    <Section
      title={t`Delete this account`}
      lead={
        <Trans>
          Its domains, aliases, log and team. Mail is refused at once; rows and keys are gone within an hour,
          and you get a signed receipt.
        </Trans>
      }
      tone="danger"
      actions={
        <Button color="red" onClick={open}>
          <Trans>Delete this account…</Trans>
        </Button>
      }
    >
      {null}
    </Section>
  );
}

export function DeleteAccount({ onClose }: { onClose: () => void }) {
  const { t } = useLingui();
  const account = $api.useQuery("get", "/v1/account");
  const isFresh = useIsFresh();
  const [isWaived, waive] = useState(false);
  if (!isFresh) {
    return (
      <Dialog title={t`Delete this account`} onClose={onClose}>
        <Fresh>{null}</Fresh>
      </Dialog>
    );
  }
  const name = account.data?.name;
  if (name === undefined) return null;
  const end = async () => {
    const { data } = await api.DELETE("/v1/account", { body: { name, without_export: isWaived } });
    if (data !== undefined) sayGoodbye({ name, receipt: data });
    return new Promise(() => undefined);
  };
  return (
    <ConfirmDanger
      title={t`Delete ${name}?`}
      name={name}
      verb={t`Delete the account`}
      onConfirm={end}
      onClose={onClose}
    >
      <div className="stack">
        <ul className={styles.losses}>
          <li>
            <Trans>Mail for its domains is refused at once; what waits is cancelled.</Trans>
          </li>
          <li>
            <Trans>Its keys, apps and sessions are dead, yours here too.</Trans>
          </li>
          <li>
            <Trans>
              Within an hour its rows are deleted and the key that seals its log is destroyed, so that copies
              of it are unreadable as well.
            </Trans>
          </li>
          <li>
            <Trans>There is no way back.</Trans>
          </li>
        </ul>
        <Checkbox
          label={t`I need no export`}
          description={t`Otherwise one of the last 24 hours is asked for`}
          checked={isWaived}
          onChange={(event) => waive(event.currentTarget.checked)}
        />
      </div>
    </ConfirmDanger>
  );
}
