// The state of a domain, as icon and word.
import { useLingui } from "@lingui/react/macro";
import { StateBadge } from "../../ui/StateBadge";
import { type Domain, healthOf } from "./health";

export function DomainBadge({ domain, plain = false }: { domain: Domain; plain?: boolean }) {
  const { i18n } = useLingui();
  const { state, word } = healthOf(domain);
  return (
    <StateBadge state={state} plain={plain}>
      {i18n._(word)}
    </StateBadge>
  );
}
