// Before, while and after many aliases are changed: what will happen, how far it is, what became of each, undo.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { number } from "../../../data/figures";
import { Dialog } from "../../../ui/Dialog";
import { DestinationsField } from "../DestinationsField";
import { Progress } from "./Progress";
import { type Act, runBulk, type Target } from "./run";
import { useRun } from "./useRun";

export interface Asked {
  what: "forward" | "pause" | "resume" | "delete";
  target: Target;
  count: number;
}

interface Props {
  asked: Asked;
  /** `isOver`: something was done, so the choice has served. */
  onClose: (isOver: boolean) => void;
}

export function BulkDialog({ asked: { what, target, count }, onClose }: Props) {
  const words = useWords(count);
  const [to, setTo] = useState<string[]>([]);
  const run = useRun();
  const begin = (event: FormEvent) => {
    event.preventDefault();
    void run.start((watch) => runBulk(target, actOf(what, to), watch));
  };
  const { title, verb, about } = words[what];
  return (
    <Dialog title={title} onClose={() => onClose(run.stage !== "ready")}>
      {run.stage !== "ready" ? (
        <Progress run={run} onClose={() => onClose(true)} />
      ) : (
        <form className="stack" onSubmit={begin}>
          <p>{about}</p>
          {what === "forward" && <DestinationsField value={to} onChange={setTo} isInDialog />}
          <div className="row">
            <Button
              type="submit"
              variant="filled"
              {...(what === "delete" ? { color: "red" } : {})}
              disabled={what === "forward" && to.length === 0}
            >
              {verb}
            </Button>
            <Button onClick={() => onClose(false)}>
              <Trans>Cancel</Trans>
            </Button>
          </div>
        </form>
      )}
    </Dialog>
  );
}

function actOf(what: Asked["what"], destinations: string[]): Act {
  switch (what) {
    case "delete":
      return { kind: "delete" };
    case "forward":
      return { kind: "change", change: { destinations } };
    default:
      return { kind: "change", change: { enabled: what === "resume" } };
  }
}

function useWords(of: number): Record<Asked["what"], { title: string; verb: string; about: string }> {
  const { t } = useLingui();
  const count = number(of);
  return {
    forward: {
      title: t`Forward ${count} aliases elsewhere`,
      verb: t`Change ${count} aliases`,
      about: t`Mail goes to these destinations instead of the present ones.`,
    },
    pause: {
      title: t`Pause ${count} aliases`,
      verb: t`Pause ${count} aliases`,
      about: t`Their mail is refused with 550 5.2.1 until they are resumed.`,
    },
    resume: {
      title: t`Resume ${count} aliases`,
      verb: t`Resume ${count} aliases`,
      about: t`They take mail again.`,
    },
    delete: {
      title: t`Delete ${count} aliases`,
      verb: t`Delete ${count} aliases`,
      about: t`Their mail is refused from now on, and mail that still waits for them is cancelled. Undo brings the aliases back, not that mail.`,
    },
  };
}
