// What each role may, in one small table.
import { useLingui } from "@lingui/react/macro";
import { IconCheck } from "../../ui/icons";
import { Section } from "../../ui/Page";
import { ROLE_NAMES, ROLES } from "./roles";
import styles from "./team.module.css";

export function Roles() {
  const { t, i18n } = useLingui();
  // From which role on. As customers/callers.py has it.
  const rights: [words: string, from: number][] = [
    [t`See domains, aliases, log and team`, 0],
    [t`Change domains, aliases and destinations`, 1],
    [t`Manage people, keys, apps and the account`, 2],
    [t`See billing`, 2],
    [t`Change the plan`, 3],
    [t`Make owners, hand over or delete the account`, 3],
  ];
  return (
    <Section title={t`What each role may`}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: scrolled by keyboard where it is narrow */}
      <section className={styles.around} tabIndex={0} aria-label={t`What each role may`}>
        <table className={styles.roles}>
          <thead>
            <tr>
              <th scope="col">
                <span className="sr-only">{t`Right`}</span>
              </th>
              {ROLES.map((role) => (
                <th key={role} scope="col">
                  {i18n._(ROLE_NAMES[role])}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rights.map(([words, from]) => (
              <tr key={words}>
                <th scope="row">{words}</th>
                {ROLES.map((role, at) => (
                  <td key={role}>
                    {at >= from ? <IconCheck /> : "–"}
                    <span className="sr-only">{at >= from ? t`Yes` : t`No`}</span>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </Section>
  );
}
