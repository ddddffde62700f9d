// What anybody can check without us: public pages, full loads.
import { useLingui } from "@lingui/react/macro";
import { OPEN } from "../../shell/outside";
import { Facts } from "../../ui/Facts";
import { Section } from "../../ui/Page";

export function Checkable() {
  const { t, i18n } = useLingui();
  if (OPEN.length === 0) return null;
  return (
    <Section title={t`In public`}>
      <Facts
        of={OPEN.map(({ to, title, about }) => [
          i18n._(title),
          <span key={to}>
            {i18n._(about)} <a href={to}>{t`Open`}</a>
          </span>,
        ])}
      />
    </Section>
  );
}
