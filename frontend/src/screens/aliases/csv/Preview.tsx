// What an import would do, before it does: how the columns were read, and each line that would be refused.
import { Trans, useLingui } from "@lingui/react/macro";
import type { Shown } from "../../../api/client";
import { number } from "../../../data/figures";
import { StateBadge } from "../../../ui/StateBadge";
import styles from "../aliases.module.css";

const MOST_LINES = 100;

export function Preview({ found }: { found: Shown["Import"] }) {
  const { t } = useLingui();
  const { created, changed, refused } = found.counts;
  const bad = found.results.filter(({ code }) => code !== null);
  const rest = number(bad.length - MOST_LINES);
  const ignored = found.ignored_columns.join(", ");
  const read = Object.entries(found.columns)
    .map(([ours, theirs]) => (ours === theirs ? ours : t`${ours} from “${theirs}”`))
    .join(", ");
  return (
    <section className="stack" aria-label={t`What the import would do`}>
      <p className={styles.figures} role="status">
        {created > 0 && <StateBadge state="ok" plain>{t`${number(created)} new`}</StateBadge>}
        {changed > 0 && <StateBadge state="ok" plain>{t`${number(changed)} changed`}</StateBadge>}
        {refused > 0 && <StateBadge state="failed" plain>{t`${number(refused)} refused`}</StateBadge>}
        {created + changed + refused === 0 && <Trans>The file holds no aliases.</Trans>}
      </p>
      <p className="soft">
        <Trans>Columns: {read}.</Trans>
        {ignored !== "" && <Trans> Left alone: {ignored}.</Trans>}
      </p>
      {bad.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it
        <ul className={styles.list} aria-label={t`Refused lines`} tabIndex={0}>
          {bad.slice(0, MOST_LINES).map(({ line, detail }) => (
            <li key={line}>
              <span>{t`Line ${line}`}</span>
              <span className="soft">{detail}</span>
            </li>
          ))}
          {bad.length > MOST_LINES && (
            <li className="soft">
              <Trans>And {rest} more.</Trans>
            </li>
          )}
        </ul>
      )}
    </section>
  );
}
