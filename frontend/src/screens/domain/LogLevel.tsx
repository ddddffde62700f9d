// How much the log keeps of a domain's mail: each choice with what it costs whoever looks for a lost message.
import { Trans, useLingui } from "@lingui/react/macro";
import { Radio } from "@mantine/core";
import { LEVELS, type LogLevel as Level, LOG_LEVELS } from "../../data/logLevels";
import { Section } from "../../ui/Page";
import { useChoice } from "./choices";
import type { Domain } from "./health";
import styles from "./settings.module.css";

export function LogLevel({ domain, disabled }: { domain: Domain; disabled: boolean }) {
  const { t, i18n } = useLingui();
  const choose = useChoice(domain);
  return (
    <Section
      title={t`What the log keeps`}
      lead={<Trans>Of mail from now on; what the log has already stays its 7 days.</Trans>}
    >
      <Radio.Group
        aria-label={t`What the log keeps`}
        value={domain.log_level}
        onChange={(level) => void choose({ log_level: level as Level }, t`The log keeps that from now on`)}
      >
        <div className={styles.levels}>
          {LEVELS.map((level) => (
            <Radio
              key={level}
              value={level}
              label={i18n._(LOG_LEVELS[level].name)}
              description={i18n._(LOG_LEVELS[level].about)}
              disabled={disabled}
            />
          ))}
        </div>
      </Radio.Group>
    </Section>
  );
}
