// One message: what the policy names of it, and nothing else; then what became of it, event by event.
import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Shown } from "../../api/client";
import { CopyField } from "../../ui/CopyField";
import { Facts } from "../../ui/Facts";
import { IconLock } from "../../ui/icons";
import { At } from "../../ui/When";
import { Authentication } from "./Authentication";
import { EventBadge } from "./EventBadge";
import styles from "./logs.module.css";
import { Unfinished } from "./Unfinished";
import { EVENTS, endingOf } from "./words";

interface Props {
  message: Shown["Timeline"];
  /** The alias, where it does not lead to the reader's own log. */
  to?: ReactNode;
}

export function Timeline({ message, to }: Props) {
  const { t } = useLingui();
  const deliveries = deliveriesOf(message);
  const found = message.authentication;
  const authentication: [string, ReactNode][] =
    found === null ? [] : [[t`Authentication`, <Authentication key="found" found={found} />]];
  return (
    <div className="stack">
      <Facts
        of={[
          [t`Received`, <At key="at" at={message.received_at} />],
          [t`From`, message.sender],
          [
            t`To`,
            to ?? (
              <Link key="to" to="/logs" search={{ alias: message.alias }}>
                {message.alias}
              </Link>
            ),
          ],
          [
            t`Connecting server`,
            <span key="server">
              {message.client_name} <code>{message.client_ip}</code>
            </span>,
          ],
          ...authentication,
        ]}
      />
      <ol className={styles.steps} aria-label={t`Timeline`}>
        {message.events.map((event) => (
          <Step key={`${event.at}${event.type}${event.delivery_id}`} event={event} deliveries={deliveries} />
        ))}
        {message.unfinished.map((each) => (
          <Unfinished key={each.delivery_id} delivery={each} last={lastOf(message, each.delivery_id)} />
        ))}
      </ol>
    </div>
  );
}

/** In the order they were made known; the log does not keep where they went. */
function deliveriesOf(message: Shown["Timeline"]): string[] {
  const ids = [
    ...message.events.flatMap(({ delivery_id }) => delivery_id ?? []),
    ...message.unfinished.map(({ delivery_id }) => delivery_id),
  ];
  return [...new Set(ids)];
}

function lastOf({ events }: Shown["Timeline"], id: string): Shown["Event"] | undefined {
  return events.findLast(({ delivery_id }) => delivery_id === id);
}

function Step({ event, deliveries }: { event: Shown["Event"]; deliveries: string[] }) {
  const { t } = useLingui();
  const { at, type, attempt, response, code, server_ip, duration_ms, delivery_id } = event;
  const number = deliveries.indexOf(delivery_id ?? "") + 1;
  const count = deliveries.length;
  const ending = endingOf(response);
  return (
    <li className={styles.step} data-state={EVENTS[type].state}>
      <div className={styles.stepHead}>
        <span className="row">
          <EventBadge type={type} />
          {number > 0 && count > 1 && (
            <span className={styles.small}>
              <Trans>
                Delivery {number} of {count}
              </Trans>
            </span>
          )}
        </span>
        <At at={at} />
      </div>
      <p className={styles.words}>
        {code !== "" && <code>{code}</code>} {event.explanation}
      </p>
      {ending?.isRewritten && (
        <p className={styles.words}>
          <Trans>
            We rewrote From: by its sender's DMARC policy the inbox would have refused the message.
          </Trans>
        </p>
      )}
      {response !== "" && <CopyField label={t`response`} value={response} />}
      <p className={styles.small}>
        {[
          attempt > 0 && t`Attempt ${attempt}`,
          server_ip !== "" && t`server ${server_ip}`,
          t`${duration_ms} ms`,
        ]
          .filter(Boolean)
          .join(" · ")}
        {ending !== undefined && (
          <span className={styles.tls}>
            {" · "}
            {ending.isEncrypted && <IconLock />}
            {ending.tls}
          </span>
        )}
      </p>
    </li>
  );
}
