// Why a domain is not well, in the words of the check; and which domains come first.
import { type Domain, healthOf, nextStep } from "../domain/health";

const RANKS = ["failed", "failing", "waiting", "paused", "off", "ok"];

/** undefined where the check has found nothing amiss, or has not looked yet. */
export function causeOf({ found }: Domain): string | undefined {
  if (found === null) return undefined;
  const rows = [found.ownership, found.mx];
  const cause = rows.find((row) => row?.required && row.state !== "ok")?.cause;
  return cause === "" ? undefined : cause;
}

export function worstFirst(domains: Domain[]): Domain[] {
  const rank = (domain: Domain) =>
    RANKS.indexOf(healthOf(domain).state) + (nextStep(domain) === undefined ? 0.5 : 0);
  return domains.toSorted((a, b) => rank(a) - rank(b));
}
