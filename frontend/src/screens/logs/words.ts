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

const ENDING = / \[((no TLS|TLSv)[^[\]]*)\](; From rewritten)?$/;

export interface Ending {
  /** What protected the connection. */
  tls: string;
  isEncrypted: boolean;
  isRewritten: boolean;
}

/** What we add to the words of a server: how the text of an attempt ends (mailcore's outcome). */
export function endingOf(response: string): Ending | undefined {
  const found = ENDING.exec(response);
  if (found?.[1] === undefined) return undefined;
  return { tls: found[1], isEncrypted: found[2] !== "no TLS", isRewritten: found[3] !== undefined };
}

export function isEvent(type: string): type is EventType {
  return type in EVENTS;
}
