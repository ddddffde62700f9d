// What anybody can check without us: public pages, full loads.
import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react/macro";
import { CHECKABLE } from "../../shell/outside";
import { Section } from "../../ui/Page";
import styles from "./privacy.module.css";

const ABOUT: Record<string, MessageDescriptor> = {
  "/policy": msg`Each column that holds an address, and until when; made from the tables`,
  "/statements": msg`What is held and what was destroyed, signed every hour`,
  "/canary": msg`Five statements, signed by people off this server`,
  "/transparency": msg`Accounts, revenue, mail, times of delivery, requests of authorities`,
};

export function Checkable() {
  const { t, i18n } = useLingui();
  return (
    <Section title={t`For anybody to check`}>
      <ul className={styles.pages}>
        {CHECKABLE.map(({ to, title }) => {
          const about = ABOUT[to];
          return (
            <li key={to}>
              <a href={to}>{i18n._(title)}</a>
              {about !== undefined && <span>{i18n._(about)}</span>}
            </li>
          );
        })}
      </ul>
    </Section>
  );
}
