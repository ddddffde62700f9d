// Who sent a message, as far as that can be checked: a word for each check, and what those that failed mean.
import { Trans, useLingui } from "@lingui/react/macro";
import type { Shown } from "../../api/client";
import { number } from "../../data/figures";
import { StateBadge } from "../../ui/StateBadge";
import styles from "./logs.module.css";
import { type Verdict, verdictsOf } from "./verdicts";

export function Authentication({ found }: { found: Shown["Authentication"] }) {
  const { t } = useLingui();
  const verdicts = verdictsOf(found);
  const failed = verdicts.filter(({ hasFailed }) => hasFailed);
  const others = verdicts.filter(({ hasFailed }) => !hasFailed);
  return (
    <div className={styles.checks}>
      <ul className={styles.verdicts} aria-label={t`Authentication`}>
        {verdicts.map((verdict) => (
          <li key={verdict.check}>
            <Words of={verdict} />
          </li>
        ))}
        {found.spam !== null && (
          <li>
            <Trans>Spam score {number(found.spam)}</Trans>
          </li>
        )}
      </ul>
      {failed.map((verdict) => (
        <Meaning key={verdict.check} of={verdict} />
      ))}
      <details>
        <summary>{failed.length > 0 ? t`What the others mean` : t`What this means`}</summary>
        {others.map((verdict) => (
          <Meaning key={verdict.check} of={verdict} />
        ))}
        {found.spam !== null && (
          <p>
            <Trans>
              Spam score: the higher, the more like spam. A domain's settings say what is refused.
            </Trans>
          </p>
        )}
      </details>
    </div>
  );
}

/** What is well is quiet. */
function Words({ of: { name, result, hasFailed } }: { of: Verdict }) {
  if (hasFailed) return <StateBadge state="failing" plain>{`${name} ${result}`}</StateBadge>;
  return (
    <span data-result={result}>
      {name} {result}
    </span>
  );
}

function Meaning({ of: { name, result, meaning } }: { of: Verdict }) {
  const { i18n } = useLingui();
  if (meaning === undefined) return null;
  return (
    <p>
      {name} {result}: {i18n._(meaning)}
    </p>
  );
}
