// A secret, the one time that it is shown.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { CopyField } from "../../ui/CopyField";
import { Note } from "../../ui/notes";

interface Props {
  secret: string;
  /** Somebody wanted to close it: the next try does. */
  isAsked: boolean;
  children?: ReactNode;
  onDone: () => void;
}

export function SecretShown({ secret, isAsked, children, onDone }: Props) {
  const { t } = useLingui();
  return (
    <div className="stack">
      <div role="status">
        <Note>
          {isAsked ? (
            <Trans>It cannot be shown again. Copy it first, or close once more.</Trans>
          ) : (
            <Trans>Copy it now: it is shown only this once.</Trans>
          )}
        </Note>
      </div>
      <CopyField label={t`the secret`} value={secret} />
      {children}
      <div className="row">
        <Button variant="filled" onClick={onDone}>
          <Trans>Done</Trans>
        </Button>
      </div>
    </div>
  );
}
