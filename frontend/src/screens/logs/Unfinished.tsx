// The end of a timeline that has none yet: when the next try is, and what can be done about it.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useState } from "react";
import type { Shown } from "../../api/client";
import { useSession } from "../../api/session";
import { Countdown } from "../../ui/Countdown";
import { StateBadge } from "../../ui/StateBadge";
import { CancelDeliveries } from "../queue/CancelDeliveries";
import { useTryNow } from "../queue/changes";
import styles from "./logs.module.css";

interface Props {
  delivery: Shown["Unfinished"];
  last: Shown["Event"] | undefined;
}

export function Unfinished({ delivery, last }: Props) {
  const { t } = useLingui();
  const session = useSession();
  const [asks, ask] = useState(false);
  const tryNow = useTryNow();
  const { delivery_id: id, destination, state, next_attempt_at: next } = delivery;
  const words = {
    waiting: t`Waiting`,
    "in-progress": t`Attempt under way`,
    held: t`Held`,
  }[state];
  return (
    <li className={styles.step} data-next="true">
      <div className={styles.stepHead}>
        <StateBadge state={state === "held" ? "paused" : "waiting"}>{words}</StateBadge>
        <span>{destination}</span>
      </div>
      {next !== null && (
        <p className={styles.words}>
          <Trans>
            Next try in <Countdown until={next} over={t`a moment`} />
          </Trans>
          {last?.type === "soft-bounced" && <> · {t`attempt ${delivery.attempt + 1}`}</>}
        </p>
      )}
      {session.can("aliases:write") && state !== "in-progress" && (
        <div className="row">
          {state === "waiting" && (
            <Button size="xs" onClick={() => tryNow({ delivery_ids: [id] }, 1)}>{t`Try now`}</Button>
          )}
          <Button
            size="xs"
            variant="subtle"
            color="red"
            onClick={() => ask(true)}
          >{t`Cancel delivery`}</Button>
        </div>
      )}
      {asks && <CancelDeliveries choice={{ delivery_ids: [id] }} count={1} onClose={() => ask(false)} />}
    </li>
  );
}
