// Stands in place of the filters while rows are chosen: how many, and what to do with them.
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { useChange } from "../../../api/change";
import { number } from "../../../data/figures";
import { useCommands } from "../../../shell/commands";
import { IconClose, IconInbox, IconTrash } from "../../../ui/icons";
import styles from "../aliases.module.css";
import type { Asked } from "./BulkDialog";
import { pauseFew } from "./few";
import { countOf, type Match, PART } from "./run";

interface Props {
  ids: string[];
  /** All that match are meant, also those that are not loaded. */
  isAll: boolean;
  match: Match;
  /** Every loaded row is chosen, and there are more. */
  mayTakeAll: boolean;
  onAll: () => void;
  onClear: () => void;
  /** Opens the dialog, which outlives the rows: deleted ones are chosen no more. */
  onAsk: (asked: Asked) => void;
}

export function BulkBar({ ids, isAll, match, mayTakeAll, onAll, onClear, onAsk }: Props) {
  const { t } = useLingui();
  const few = useChange(pauseFew);
  const all = useQuery({
    queryKey: ["count", "/v1/aliases", match],
    queryFn: () => countOf(match),
    enabled: mayTakeAll || isAll,
    staleTime: 5000,
  });
  const count = isAll ? (all.data ?? ids.length) : ids.length;
  const ask = (what: Asked["what"]) => onAsk({ what, count, target: isAll ? { match } : { ids } });
  const pause = (enabled: boolean) => {
    if (isAll || ids.length > PART) return ask(enabled ? "resume" : "pause");
    void few({ ids, enabled });
    onClear();
  };
  useEscape(onClear);
  const matching = number(all.data ?? 0);
  return (
    <div className={styles.bar} role="toolbar" aria-label={t`Chosen aliases`}>
      <strong role="status">
        {isAll ? (
          <Trans>All {matching} matching chosen</Trans>
        ) : (
          <Plural value={count} one="# chosen" other="# chosen" />
        )}
      </strong>
      {mayTakeAll && !isAll && all.data !== undefined && (
        <Button variant="subtle" onClick={onAll}>
          <Trans>Select all {matching} that match</Trans>
        </Button>
      )}
      <Button leftSection={<IconInbox />} onClick={() => ask("forward")}>
        <Trans>Forward to</Trans>
      </Button>
      <Button onClick={() => pause(false)}>
        <Trans>Pause</Trans>
      </Button>
      <Button onClick={() => pause(true)}>
        <Trans>Resume</Trans>
      </Button>
      <Button color="red" leftSection={<IconTrash />} onClick={() => ask("delete")}>
        <Trans>Delete</Trans>
      </Button>
      <Button variant="subtle" leftSection={<IconClose />} onClick={onClear} className={styles.push}>
        <Trans>Clear</Trans>
      </Button>
    </div>
  );
}

function useEscape(run: () => void): void {
  const { t } = useLingui();
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape" && document.querySelector("dialog[open]") === null) run();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [run]);
  const list = useMemo(
    () => [{ id: "aliases-clear", title: t`Clear the choice`, group: t`Do`, run }],
    [run, t],
  );
  useCommands(list);
}
