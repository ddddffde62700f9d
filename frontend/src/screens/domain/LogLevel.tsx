// How much the log keeps of a domain's mail: each choice with what it costs whoever looks for a lost message.
import { Trans, useLingui } from "@lingui/react/macro";
import { Radio } from "@mantine/core";
import { LEVELS, LOG_LEVELS } from "../../data/logLevels";
import { Section } from "../../ui/Page";
import { useChoice } from "./choices";
import type { Domain } from "./health";
import styles from "./settings.module.css";

export type Level = Domain["log_level"];

export function LogLevel({ domain, disabled }: { domain: Domain; disabled: boolean }) {
  const { t } = useLingui();
  const choose = useChoice(domain);
  return (
    <Section title={t`Log`}>
      <LogLevels
        label={t`What the log keeps`}
        value={domain.log_level}
        disabled={disabled}
        onChange={(level) => void choose({ log_level: level }, t`The log keeps that from now on`)}
      />
      <p className="soft">
        <Trans>For mail from now on; what the log has already stays its 7 days.</Trans>
      </p>
    </Section>
  );
}

interface Props {
  label: string;
  value: Level;
  disabled?: boolean;
  onChange: (level: Level) => void;
}

export function LogLevels({ label, value, disabled = false, onChange }: Props) {
  const { i18n } = useLingui();
  return (
    <Radio.Group label={label} value={value} onChange={(level) => onChange(level as Level)}>
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
  );
}
