// What to do about the deliveries that are chosen, or about all that match, beyond what is on screen.
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useState } from "react";
import type { Choice } from "./changes";
import styles from "./queue.module.css";

interface Props {
  chosen: ReadonlySet<string>;
  total: number;
  /** The choice that means all that match. */
  all: Choice;
  onTry: (choice: Choice, count: number) => void;
  onCancel: (choice: Choice, count: number) => void;
}

export function ChosenBar({ chosen, total, all, onTry, onCancel }: Props) {
  const { t } = useLingui();
  const [takesAll, takeAll] = useState(false);
  if (chosen.size === 0) {
    if (takesAll) takeAll(false);
    return null;
  }
  const count = takesAll ? total : chosen.size;
  const choice = takesAll ? all : { delivery_ids: [...chosen] };
  return (
    <section className={styles.bar} aria-label={t`Chosen deliveries`}>
      <strong>
        <Plural value={count} one="# chosen" other="# chosen" />
      </strong>
      {!takesAll && total > chosen.size && (
        <Button size="xs" variant="subtle" onClick={() => takeAll(true)}>
          <Trans>Choose all {total} that match</Trans>
        </Button>
      )}
      <Button size="xs" onClick={() => onTry(choice, count)}>{t`Try now`}</Button>
      <Button size="xs" color="red" onClick={() => onCancel(choice, count)}>{t`Cancel deliveries`}</Button>
    </section>
  );
}
