// A test message through the real path, and what becomes of it, as it happens.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api } from "../../api/client";
import { ProblemNote } from "../../ui/notes";
import type { Domain } from "../domain/health";
import { type Alias, takesMail } from "./progress";
import { Timeline } from "./Timeline";
import styles from "./welcome.module.css";

interface Props {
  domain: Domain;
  alias: Alias;
  messageId: string | undefined;
  isDone: boolean;
  /** A message has arrived: must be stable. */
  onDelivered: () => void;
}

export function TestStep({ domain, alias, messageId, isDone, onDelivered }: Props) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>();
  const [isSending, setSending] = useState(false);
  const isVerified = domain.state === "verified" || domain.state === "temporarily_failing";
  const isReady = isVerified && takesMail(alias);
  const send = async () => {
    setSending(true);
    setError(undefined);
    try {
      const { data } = await api.POST("/v1/aliases/{alias_id}/test", {
        params: { path: { alias_id: alias.id } },
      });
      const search = { domain: domain.id, message: data?.message_id };
      await navigate({ to: "/welcome", search, replace: true, resetScroll: false });
    } catch (refusal) {
      setError(refusal);
    } finally {
      setSending(false);
    }
  };
  return (
    <div className="stack">
      {!isReady && (
        <p className="soft">
          {isVerified ? (
            <Trans>Waits for the yes of the destination.</Trans>
          ) : (
            <Trans>Waits for the TXT record above: it proves the domain.</Trans>
          )}
        </p>
      )}
      {error !== undefined && <ProblemNote error={error} />}
      <div className="row">
        <Button
          variant={isDone ? "default" : "filled"}
          onClick={send}
          loading={isSending}
          disabled={!isReady}
          data-autofocus
        >
          {messageId === undefined ? t`Send test message` : t`Send another`}
        </Button>
        <span className="soft">
          <Trans>to {alias.address}</Trans>
        </span>
      </div>
      {messageId !== undefined && <Timeline messageId={messageId} onDelivered={onDelivered} />}
      {isDone && (
        <p className={styles.end} role="status">
          <Trans>It works: mail to {alias.address} arrives.</Trans>{" "}
          <Link to="/overview">
            <Trans>Go to the overview</Trans>
          </Link>
        </p>
      )}
    </div>
  );
}
