// The test message's way, line by line. The log's own screen tells more of it.
import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { useEffect } from "react";
import { $api, type Shown } from "../../api/client";
import { Countdown } from "../../ui/Countdown";
import { ProblemNote } from "../../ui/notes";
import { StateBadge, type StateName } from "../../ui/StateBadge";
import styles from "./welcome.module.css";

type Event = Shown["Event"];
const STATES: Record<Event["type"], StateName> = {
  received: "ok",
  delivered: "ok",
  "soft-bounced": "failing",
  "hard-bounced": "failed",
  refused: "failed",
};
/** Live events bring each line; where there are none, this does. */
const PACE = 2000;

interface Props {
  messageId: string;
  /** Must be stable. */
  onDelivered?: () => void;
}

export function Timeline({ messageId, onDelivered }: Props) {
  const { t } = useLingui();
  const found = $api.useQuery(
    "get",
    "/v1/logs/messages/{message_id}",
    { params: { path: { message_id: messageId } } },
    { refetchInterval: ({ state: { data } }) => (data && data.unfinished.length === 0 ? false : PACE) },
  );
  const hasArrived = found.data?.events.some(({ type }) => type === "delivered") ?? false;
  useEffect(() => {
    if (hasArrived) onDelivered?.();
  }, [hasArrived, onDelivered]);
  if (found.data === undefined) {
    return found.error ? <ProblemNote error={found.error} again={() => void found.refetch()} /> : null;
  }
  const { events, unfinished } = found.data;
  const [waiting] = unfinished;
  return (
    <div>
      <ol className={styles.timeline} aria-label={t`What became of it`} aria-live="polite">
        {events.map((event) => (
          <li key={`${event.type}${event.attempt}${event.delivery_id}`}>
            <StateBadge state={STATES[event.type]}>{event.type}</StateBadge>
            <div>
              <code>{event.response}</code>
              <p className="soft">{event.explanation}</p>
            </div>
            <span className={styles.took}>{t`${event.duration_ms} ms`}</span>
          </li>
        ))}
        {waiting !== undefined && (
          <li>
            <StateBadge state="waiting">
              {waiting.next_attempt_at === null ? t`on its way` : t`waiting`}
            </StateBadge>
            <p className="soft">
              {waiting.next_attempt_at !== null && waiting.attempt > 0 && (
                <Trans>
                  Next try in <Countdown until={waiting.next_attempt_at} over={t`a moment`} />
                </Trans>
              )}
            </p>
          </li>
        )}
      </ol>
      <p>
        <Link to="/logs/$messageId" params={{ messageId }}>
          <Trans>Open it in the log</Trans>
        </Link>
      </p>
    </div>
  );
}
