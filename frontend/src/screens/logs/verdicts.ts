// What each result of the checks on a sender means, in a sentence (words of RFC 8601).
import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type { Shown } from "../../api/client";

export type Check = "spf" | "dkim" | "dmarc" | "arc";

export interface Verdict {
  check: Check;
  name: string;
  result: string;
  /** Absent for a word that we do not know. */
  meaning: MessageDescriptor | undefined;
  /** Something speaks against the sender. */
  hasFailed: boolean;
}

const NAMES: Record<Check, string> = { spf: "SPF", dkim: "DKIM", dmarc: "DMARC", arc: "ARC" };
const UNDECIDED = msg`DNS did not answer in time, so nothing was decided.`;
const FAILURES = new Set(["fail", "softfail", "permerror"]);

const MEANINGS: Record<Check, Record<string, MessageDescriptor>> = {
  spf: {
    pass: msg`The domain of the return address lets this server send.`,
    fail: msg`The domain of the return address does not let this server send. Where a forwarder passed the message on, that is usual.`,
    softfail: msg`The domain of the return address doubts this server. Where a forwarder passed the message on, that is usual.`,
    neutral: msg`The domain of the return address says nothing about this server.`,
    none: msg`The domain of the return address publishes no SPF record.`,
    permerror: msg`The SPF record of the return address's domain has an error.`,
    temperror: UNDECIDED,
  },
  dkim: {
    pass: msg`A signature holds: what it covers was not changed on its way.`,
    fail: msg`No signature holds: the message was changed on its way, or is not from who signed it.`,
    policy: msg`Its signature is too weak to count.`,
    neutral: msg`Its signature cannot be judged.`,
    none: msg`The message is not signed.`,
    permerror: msg`Its signature, or the key in DNS, has an error.`,
    temperror: UNDECIDED,
  },
  dmarc: {
    pass: msg`From is genuine: SPF or DKIM passed for its domain.`,
    fail: msg`From may be forged: neither SPF nor DKIM passed for its domain. Mailing lists cause this, too.`,
    none: msg`The domain in From publishes no DMARC policy.`,
    permerror: msg`The DMARC policy of the domain in From has an error.`,
    temperror: UNDECIDED,
  },
  arc: {
    pass: msg`Servers that passed it on before have sealed it, and the seals hold.`,
    fail: msg`A server that passed it on before has sealed it, and the seals do not hold.`,
    none: msg`No server that passed it on before has sealed it.`,
    permerror: msg`A seal on the message has an error.`,
    temperror: UNDECIDED,
  },
};

/** In the order in which they are read. */
export function verdictsOf(found: Shown["Authentication"]): Verdict[] {
  return (["spf", "dkim", "dmarc", "arc"] as const).map((check) => ({
    check,
    name: NAMES[check],
    result: found[check],
    meaning: MEANINGS[check][found[check]],
    hasFailed: FAILURES.has(found[check]),
  }));
}
