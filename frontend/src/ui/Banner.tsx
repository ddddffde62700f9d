// One line across the page about the whole of it; the words say what happened and what to do.
import type { ReactNode } from "react";
import styles from "./banner.module.css";
import { IconFailed, IconFailing, IconInfo } from "./icons";

const ICONS = { info: IconInfo, warn: IconFailing, bad: IconFailed };

interface Props {
  tone: keyof typeof ICONS;
  action?: ReactNode;
  children: ReactNode;
}

export function Banner({ tone, action, children }: Props) {
  const Icon = ICONS[tone];
  return (
    <div className={styles.banner} data-tone={tone} role={tone === "info" ? "note" : "status"}>
      <Icon />
      <p className={styles.text}>{children}</p>
      {action}
    </div>
  );
}
