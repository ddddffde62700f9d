// How a domain is, and the one thing to do about it: rules and words for lists, headings and steps.
import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type { Shown } from "../../api/client";
import type { StateName } from "../../ui/StateBadge";

export type Domain = Shown["Domain"];
export type RecordFound = Shown["RecordFound"];

interface Word {
  state: StateName;
  word: MessageDescriptor;
}

const WORDS: Record<Domain["state"], Word> = {
  not_started: { state: "off", word: msg`Not started` },
  pending: { state: "waiting", word: msg`Pending` },
  verified: { state: "ok", word: msg`Verified` },
  temporarily_failing: { state: "failing", word: msg`Temporarily failing` },
  failed: { state: "failed", word: msg`Failed` },
  displaced: { state: "failed", word: msg`Taken over` },
};

export function healthOf(domain: Domain): Word {
  if (domain.paused_at !== null) return { state: "paused", word: msg`Paused` };
  return WORDS[domain.state];
}

/** Mail comes to us alone, and may be forwarded: nothing is left to do at the DNS. */
export function isReady(domain: Domain): boolean {
  return domain.state === "verified" && domain.found?.mx.state === "ok";
}

/** All rows, advice too. */
export function isPerfect(domain: Domain): boolean {
  const { found } = domain;
  return found !== null && [found.ownership, found.mx, found.spf, found.dmarc].every(isFine);
}

function isFine(row: RecordFound | null | undefined): boolean {
  return !row || row.state === "ok";
}

export interface NextStep {
  words: MessageDescriptor;
  to: "/domains/$domainId/dns" | "/domains/$domainId" | "/billing";
}

/** undefined where the owner has nothing to do. */
export function nextStep(domain: Domain): NextStep | undefined {
  const dns = (words: MessageDescriptor): NextStep => ({ words, to: "/domains/$domainId/dns" });
  if (domain.paused_at !== null) return { words: msg`Choose a plan with room for it`, to: "/billing" };
  if (domain.state === "displaced") return dns(msg`Prove that it is yours`);
  if (domain.state === "temporarily_failing") return dns(msg`Restore its records`);
  if (domain.state === "failed") return dns(msg`Publish its records anew`);
  if (domain.state === "not_started") return dns(msg`Publish its records`);
  if (domain.state === "pending") return dns(msg`Finish its records`);
  const mx = domain.found?.mx;
  if (mx && mx.state !== "ok" && mx.state !== "failure") return dns(mxStep(mx));
  if (domain.alias_count === 0) return { words: msg`Create an alias`, to: "/domains/$domainId" };
  return undefined;
}

function mxStep(mx: RecordFound): MessageDescriptor {
  return mx.found.length > 1 ? msg`Remove the old MX` : msg`Point its MX to us`;
}
