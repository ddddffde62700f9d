// The end of an account: its name is typed, and its export taken first, or turned down.
import { Trans, useLingui } from "@lingui/react/macro";
import { Checkbox } from "@mantine/core";
import { useState } from "react";
import { $api, api } from "../../api/client";
import { ConfirmDanger } from "../../ui/ConfirmDanger";
import { Dialog } from "../../ui/Dialog";
import { Fresh, useIsFresh } from "../../ui/Fresh";

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
    await api.DELETE("/v1/account", { body: { name, without_export: isWaived } });
    window.location.assign("/");
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
        <p>
          <Trans>
            Mail for its domains is refused at once, what waits is cancelled, its keys and apps are dead.
            There is no way back.
          </Trans>
        </p>
        <p>
          <a href="/v1/account/export" download>
            <Trans>Download everything first</Trans>
          </a>
        </p>
        <Checkbox
          label={t`I need no export`}
          checked={isWaived}
          onChange={(event) => waive(event.currentTarget.checked)}
        />
      </div>
    </ConfirmDanger>
  );
}
