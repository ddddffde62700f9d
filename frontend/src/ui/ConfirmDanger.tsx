// Before what cannot be taken back: says what is lost, and has its name typed where that is much.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useState } from "react";
import { Dialog } from "./Dialog";
import { ProblemNote } from "./notes";

interface Props {
  title: string;
  /** What happens, and what is lost by it. */
  children: ReactNode;
  /** The name to be typed; left out where one press is enough. */
  name?: string;
  /** The verb: "Delete the domain". */
  verb: string;
  /** May throw a Problem: it is shown, and the dialog stays. */
  onConfirm: () => Promise<unknown>;
  onClose: () => void;
}

export function ConfirmDanger({ title, children, name, verb, onConfirm, onClose }: Props) {
  const { t } = useLingui();
  const [typed, setTyped] = useState("");
  const [isRunning, setRunning] = useState(false);
  const [error, setError] = useState<unknown>();
  const isSure = name === undefined || typed.trim() === name;
  const confirm = async (event: FormEvent) => {
    event.preventDefault();
    if (!isSure || isRunning) return;
    setRunning(true);
    try {
      await onConfirm();
      onClose();
    } catch (refusal) {
      setError(refusal);
      setRunning(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form className="stack" onSubmit={confirm}>
        <div>{children}</div>
        {name !== undefined && (
          <TextInput
            label={
              <Trans>
                Type <strong>{name}</strong> to confirm
              </Trans>
            }
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            autoComplete="off"
            data-autofocus
          />
        )}
        {error !== undefined && <ProblemNote error={error} />}
        <div className="row">
          <Button type="submit" variant="filled" color="red" disabled={!isSure} loading={isRunning}>
            {verb}
          </Button>
          <Button onClick={onClose}>{t`Cancel`}</Button>
        </div>
      </form>
    </Dialog>
  );
}
