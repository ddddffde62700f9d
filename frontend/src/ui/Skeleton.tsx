// The shape of what is coming, after 150 ms; never for what is already on screen.
import { useLingui } from "@lingui/react/macro";
import styles from "./skeleton.module.css";

/** `lines` of a list or a text. */
export function Skeleton({ lines = 3 }: { lines?: number }) {
  const { t } = useLingui();
  return (
    <div className={styles.lines} role="status" aria-label={t`Loading`}>
      {Array.from({ length: lines }, (_, index) => index).map((index) => (
        <span key={index} className={styles.line} data-step={index % 4} />
      ))}
    </div>
  );
}

export function ScreenSkeleton() {
  return (
    <div className={styles.screen}>
      <span className={styles.title} />
      <Skeleton lines={6} />
    </div>
  );
}
