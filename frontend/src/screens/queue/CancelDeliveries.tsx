// Before deliveries are given up.
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { ConfirmDanger } from "../../ui/ConfirmDanger";
import { type Choice, useCancel } from "./changes";

interface Props {
  choice: Choice;
  count: number;
  onDone?: () => void;
  onClose: () => void;
}

export function CancelDeliveries({ choice, count, onDone, onClose }: Props) {
  const { t } = useLingui();
  const cancel = useCancel();
  return (
    <ConfirmDanger
      title={count === 1 ? t`Cancel this delivery?` : t`Cancel ${count} deliveries?`}
      verb={count === 1 ? t`Cancel delivery` : t`Cancel deliveries`}
      onConfirm={() => cancel(choice).then(onDone)}
      onClose={onClose}
    >
      <Trans>
        <Plural value={count} one="The message is" other="The messages are" /> not sent to the inbox, and
        cannot be brought back. Senders get a bounce where that is allowed.
      </Trans>
    </ConfirmDanger>
  );
}
