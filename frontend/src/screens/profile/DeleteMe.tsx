// The end of a person here; their accounts stay with who else owns them.
import { Trans, useLingui } from "@lingui/react/macro";
import { api } from "../../api/client";
import { useSession } from "../../api/session";
import { ConfirmDanger } from "../../ui/ConfirmDanger";
import { Dialog } from "../../ui/Dialog";
import { Fresh, useIsFresh } from "../../ui/Fresh";

export function DeleteMe({ onClose }: { onClose: () => void }) {
  const { t } = useLingui();
  const { me } = useSession();
  const isFresh = useIsFresh();
  const title = t`Delete yourself?`;
  if (!isFresh) {
    return (
      <Dialog title={title} onClose={onClose}>
        <Fresh>{null}</Fresh>
      </Dialog>
    );
  }
  const end = async () => {
    await api.DELETE("/v1/me");
    window.location.assign("/");
    return new Promise(() => undefined);
  };
  return (
    <ConfirmDanger title={title} name={me.email} verb={t`Delete yourself`} onConfirm={end} onClose={onClose}>
      <p>
        <Trans>
          Your sign-in, passkeys and place in every account are gone. An account that you alone own must be
          handed over or deleted first.
        </Trans>
      </p>
    </ConfirmDanger>
  );
}
