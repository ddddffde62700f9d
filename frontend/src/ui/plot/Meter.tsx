// Use against a limit: <Meter title={t`Domains`} value={1} limit={3} />. It says so in words as well.
import { Trans } from "@lingui/react/macro";
import { number } from "../../data/figures";
import styles from "./plot.module.css";

interface Props {
  title: string;
  value: number;
  limit: number;
  format?: (value: number) => string;
}

const NEARLY = 0.8;

export function Meter({ title, value, limit, format = number }: Props) {
  const share = limit === 0 ? 1 : Math.min(1, value / limit);
  const level = share >= 1 ? "full" : share >= NEARLY ? "nearly" : "room";
  const used = format(value);
  const all = format(limit);
  return (
    <div className={styles.meter}>
      <div className={styles.meterHead}>
        <span>{title}</span>
        <span className={styles.meterText}>
          <Trans>
            <strong>{used}</strong> of {all}
          </Trans>
        </span>
      </div>
      <svg width="100%" height="6" role="img" aria-label={`${title}: ${used} / ${all}`}>
        <rect width="100%" height="6" rx="3" className={styles.track} />
        <rect width={`${share * 100}%`} height="6" rx="3" className={styles.used} data-level={level} />
      </svg>
    </div>
  );
}
