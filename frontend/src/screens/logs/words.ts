// What becomes of mail, in one word and one state.
import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type { Shown } from "../../api/client";
import type { StateName } from "../../ui/StateBadge";

export type EventType = Shown["Event"]["type"];

export const EVENTS: Record<EventType, { state: StateName; word: MessageDescriptor }> = {
  received: { state: "waiting", word: msg`Received` },
  delivered: { state: "ok", word: msg`Delivered` },
  "soft-bounced": { state: "failing", word: msg`Soft-bounced` },
  "hard-bounced": { state: "failed", word: msg`Hard-bounced` },
  refused: { state: "off", word: msg`Refused` },
};

const TLS = / \[((no TLS|TLSv)[^[\]]*)\]$/;

/** What protected the connection: the end of the text of an attempt (mailcore's outgoing_tls). */
export function tlsOf(response: string): { words: string; isEncrypted: boolean } | undefined {
  const found = TLS.exec(response);
  return found?.[1] === undefined ? undefined : { words: found[1], isEncrypted: found[2] !== "no TLS" };
}

export function isEvent(type: string): type is EventType {
  return type in EVENTS;
}
