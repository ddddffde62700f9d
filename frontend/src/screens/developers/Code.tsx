// Lines for a shell, to copy whole.
import type { ReactNode } from "react";
import { CopyButton } from "../../ui/CopyField";
import styles from "./developers.module.css";

export function Code({ title, label, children }: { title: ReactNode; label: string; children: string }) {
  return (
    <div>
      <div className={styles.codeHead}>
        <span>{title}</span>
        <CopyButton label={label} value={children} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: long lines are scrolled by keyboard */}
      <pre className={styles.code} tabIndex={0}>
        {children}
      </pre>
    </div>
  );
}
