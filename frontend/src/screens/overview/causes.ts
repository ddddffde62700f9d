// Why a domain is not well, in the words of the check; and which domains come first.
import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type { StateName } from "../../ui/StateBadge";
import { type Domain, healthOf, nextStep } from "../domain/health";

const RANKS: StateName[] = ["failed", "failing", "waiting", "paused", "off", "ok"];

/** undefined where the check has found nothing amiss, or has not looked yet. */
export function causeOf({ found }: Domain): string | undefined {
  if (found === null) return undefined;
  const rows = [found.ownership, found.mx];
  const cause = rows.find((row) => row?.required && row.state !== "ok")?.cause;
  return cause === "" ? undefined : cause;
}

/** How it is for mail: a verified domain whose mail goes elsewhere is not well. */
export function stateOf(domain: Domain): { state: StateName; word: MessageDescriptor } {
  const health = healthOf(domain);
  if (health.state !== "ok" || nextStep(domain) === undefined) return health;
  if (causeOf(domain) !== undefined) return { state: "failing", word: msg`Needs a change` };
  return { state: "waiting", word: msg`No alias yet` };
}

export function worstFirst(domains: Domain[]): Domain[] {
  const rank = (domain: Domain) => RANKS.indexOf(stateOf(domain).state);
  return domains.toSorted((a, b) => rank(a) - rank(b));
}
