// The newest thing that became of a message.
import { useLingui } from "@lingui/react/macro";
import { StateBadge } from "../../ui/StateBadge";
import { EVENTS, isEvent } from "./words";

export function EventBadge({ type, plain = false }: { type: string; plain?: boolean }) {
  const { i18n } = useLingui();
  if (!isEvent(type)) return null;
  const { state, word } = EVENTS[type];
  return (
    <StateBadge state={state} plain={plain}>
      {i18n._(word)}
    </StateBadge>
  );
}
