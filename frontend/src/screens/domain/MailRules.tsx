// What is refused, and how mail goes out: each choice with what it does and what it costs.
import { Trans, useLingui } from "@lingui/react/macro";
import { Switch, TextInput } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { Section } from "../../ui/Page";
import { scoreOf, useChoice } from "./choices";
import type { Domain } from "./health";
import styles from "./settings.module.css";

/** Where an owner begins who has never chosen; the API's own. */
const USUAL = 15;

interface Props {
  domain: Domain;
  disabled: boolean;
}

export function MailRules({ domain, disabled }: Props) {
  const { t } = useLingui();
  return (
    <Section title={t`Mail`}>
      <div className={styles.choices}>
        <StrictDmarc domain={domain} disabled={disabled} />
        <RequireTls domain={domain} disabled={disabled} />
        <Spam domain={domain} disabled={disabled} />
      </div>
    </Section>
  );
}

function StrictDmarc({ domain, disabled }: Props) {
  const { t } = useLingui();
  const choose = useChoice(domain);
  return (
    <Choice
      label={t`Strict DMARC`}
      description={t`Refuses all mail that fails DMARC where the sender's domain asks for that: what mailing lists and forwarders pass on may be lost. Off, we refuse it only where something else speaks against it, too.`}
      checked={domain.mail.strict_dmarc}
      disabled={disabled}
      onChange={(wanted) =>
        void choose(
          { mail: { strict_dmarc: wanted } },
          wanted ? t`DMARC is strict` : t`DMARC is no longer strict`,
        )
      }
    >
      <Link to="/logs" search={{ domain_id: domain.id, dmarc: "fail" }}>
        <Trans>Show mail that failed DMARC</Trans>
      </Link>
    </Choice>
  );
}

function RequireTls({ domain, disabled }: Props) {
  const { t } = useLingui();
  const choose = useChoice(domain);
  return (
    <Choice
      label={t`Require TLS`}
      description={t`Delivers only over TLS, and only to servers whose certificate proves their name. Where an inbox has none, mail waits up to 4 days, then bounces.`}
      checked={domain.mail.require_tls}
      disabled={disabled}
      onChange={(wanted) =>
        void choose(
          { mail: { require_tls: wanted } },
          wanted ? t`TLS is required` : t`TLS is used where it can be`,
        )
      }
    />
  );
}

function Spam({ domain, disabled }: Props) {
  const { t } = useLingui();
  const choose = useChoice(domain);
  const { spam_threshold: threshold } = domain.mail;
  if (!domain.spam_filter) {
    return (
      <Choice
        label={t`Refuse spam`}
        description={t`This server has no spam filter: each inbox judges for itself.`}
        checked={false}
        disabled
      />
    );
  }
  return (
    <Choice
      label={t`Refuse spam`}
      description={t`Refuses what the spam filter takes for spam: an inbox that gets less of it from you trusts the rest more. What is no spam may be refused, too; its sender is told.`}
      checked={threshold !== null}
      disabled={disabled}
      onChange={(wanted) =>
        void choose(
          { mail: { spam_threshold: wanted ? USUAL : null } },
          wanted ? t`Spam is refused from a score of ${USUAL}` : t`Spam is no longer refused`,
        )
      }
    >
      {threshold !== null && (
        <Score key={threshold} domain={domain} threshold={threshold} disabled={disabled} />
      )}
    </Choice>
  );
}

/** Taken with Enter, or on leaving the field. */
function Score({ domain, threshold, disabled }: Props & { threshold: number }) {
  const { t } = useLingui();
  const choose = useChoice(domain);
  const [typed, setTyped] = useState(String(threshold));
  const [isWrong, setWrong] = useState(false);
  const take = () => {
    const score = scoreOf(typed);
    setWrong(score === undefined);
    if (score === undefined || score === threshold) return;
    void choose({ mail: { spam_threshold: score } }, t`Spam is refused from a score of ${score}`);
  };
  return (
    <TextInput
      className={styles.score}
      label={t`From a score of`}
      description={t`${USUAL} is usual. Lower refuses more.`}
      inputMode="decimal"
      value={typed}
      error={isWrong && t`A number from 1 to 100`}
      disabled={disabled}
      onChange={(event) => setTyped(event.currentTarget.value)}
      onBlur={take}
      onKeyDown={(event) => {
        if (event.key === "Enter") take();
      }}
    />
  );
}

interface ChoiceProps {
  label: string;
  description: string;
  checked: boolean;
  disabled: boolean;
  onChange?: (wanted: boolean) => void;
  children?: ReactNode;
}

function Choice({ label, description, checked, disabled, onChange, children }: ChoiceProps) {
  return (
    <div>
      <Switch
        label={label}
        description={description}
        checked={checked}
        disabled={disabled}
        onChange={(event) => onChange?.(event.currentTarget.checked)}
      />
      {children && <div className={styles.below}>{children}</div>}
    </div>
  );
}
