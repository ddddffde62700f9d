// How something is: an icon and a word, never a colour alone. <StateBadge state="ok">Verified</StateBadge>
import { useLingui } from "@lingui/react/macro";
import type { ReactNode } from "react";
import { IconFailed, IconFailing, IconOff, IconOk, IconPaused, IconWaiting } from "./icons";
import styles from "./pieces.module.css";

const ICONS = {
  ok: IconOk,
  waiting: IconWaiting,
  failing: IconFailing,
  failed: IconFailed,
  paused: IconPaused,
  off: IconOff,
};
export type StateName = keyof typeof ICONS;

/** `children`: a better word than the state's own. `plain`: without the pill, for dense tables. */
export function StateBadge({
  state,
  plain = false,
  children,
}: {
  state: StateName;
  plain?: boolean;
  children?: ReactNode;
}) {
  const word = useStateWord(state);
  const Icon = ICONS[state];
  return (
    <span className={styles.badge} data-state={state} data-plain={plain}>
      <Icon />
      {children ?? word}
    </span>
  );
}

function useStateWord(state: StateName): string {
  const { t } = useLingui();
  return {
    ok: t`OK`,
    waiting: t`Waiting`,
    failing: t`Failing`,
    failed: t`Failed`,
    paused: t`Paused`,
    off: t`Off`,
  }[state];
}
