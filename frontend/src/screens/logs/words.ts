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

export function isEvent(type: string): type is EventType {
  return type in EVENTS;
}
