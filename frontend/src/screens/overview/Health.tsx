// Each domain: how it is, why, and the way to where that is mended. What is not well comes first.
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { number } from "../../data/figures";
import { Section } from "../../ui/Page";
import { StateBadge } from "../../ui/StateBadge";
import { type Domain, nextStep } from "../domain/health";
import { causeOf, stateOf, worstFirst } from "./causes";
import styles from "./overview.module.css";

const MOST = 8;

export function Health({ domains }: { domains: Domain[] }) {
  const { t } = useLingui();
  const count = number(domains.length);
  return (
    <Section
      title={t`Domains`}
      actions={
        domains.length > MOST && (
          <Link to="/domains" className={styles.link}>
            <Trans>All {count}</Trans>
          </Link>
        )
      }
    >
      <ul className={styles.health} aria-label={t`Domains`}>
        {worstFirst(domains)
          .slice(0, MOST)
          .map((domain) => (
            <Row key={domain.id} domain={domain} />
          ))}
      </ul>
    </Section>
  );
}

function Row({ domain }: { domain: Domain }) {
  const { i18n } = useLingui();
  const { id, name, alias_count: count } = domain;
  const { state, word } = stateOf(domain);
  const step = nextStep(domain);
  return (
    <li>
      <Link to="/domains/$domainId" params={{ domainId: id }} className={styles.name}>
        {name}
      </Link>
      <span className={styles.aliases}>
        <Plural value={count} one="# alias" other="# aliases" />
      </span>
      <StateBadge state={state}>{i18n._(word)}</StateBadge>
      {step !== undefined && (
        <p className={styles.cause}>
          {causeOf(domain)}{" "}
          <Link to={step.to} params={{ domainId: id }}>
            {i18n._(step.words)}
          </Link>
        </p>
      )}
    </li>
  );
}
