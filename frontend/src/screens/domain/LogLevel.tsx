// How much the log keeps of a domain's mail: each choice with what it costs whoever looks for a lost message.
import { Trans, useLingui } from "@lingui/react/macro";
import { Radio } from "@mantine/core";
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
  const { t } = useLingui();
  const levels: [Level, string, string][] = [
    ["full", t`Everything of the policy`, t`Subject, From, alias and servers: a lost message is found.`],
    ["no-subject", t`No subject`, t`Also cut from what servers answer.`],
    ["no-sender", t`No sender`, t`No From and no sender's address, also cut from what servers answer.`],
    ["failures", t`Failures only`, t`Nothing of mail that is delivered at once, but that there was one.`],
  ];
  return (
    <Radio.Group label={label} value={value} onChange={(level) => onChange(level as Level)}>
      <div className={styles.levels}>
        {levels.map(([level, name, description]) => (
          <Radio key={level} value={level} label={name} description={description} disabled={disabled} />
        ))}
      </div>
    </Radio.Group>
  );
}
