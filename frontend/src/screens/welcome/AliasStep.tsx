// The first alias and where its mail goes, on one line; then the inbox's own yes, awaited live.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Shown } from "../../api/client";
import { useOnceKey } from "../../api/once";
import { problemOf } from "../../api/problem";
import { useSession } from "../../api/session";
import { Form } from "../../ui/Form";
import { IconRight } from "../../ui/icons";
import { StateBadge } from "../../ui/StateBadge";
import { toast } from "../../ui/toasts";
import { When } from "../../ui/When";
import type { Domain } from "../domain/health";
import { type Alias, takesMail } from "./progress";
import styles from "./welcome.module.css";

interface Props {
  domain: Domain;
  alias: Alias | undefined;
  onDone: (made: Alias | undefined) => void;
}

export function AliasStep({ domain, alias, onDone }: Props) {
  if (alias === undefined) return <NewAlias domain={domain} onDone={onDone} />;
  return (
    <div className="stack">
      <p className={styles.alias}>
        <strong>{alias.address}</strong>
        <IconRight />
        <span className="sr-only">
          <Trans>forwards to</Trans>
        </span>
        {alias.destinations.map(({ address }) => address).join(", ")}
      </p>
      {!takesMail(alias) &&
        alias.destinations.map((each) => <Unconfirmed key={each.id} destination={each} />)}
    </div>
  );
}

function NewAlias({ domain, onDone }: Pick<Props, "domain" | "onDone">) {
  const { t } = useLingui();
  const { me } = useSession();
  const queries = useQueryClient();
  const once = useOnceKey();
  const [localPart, setLocalPart] = useState("hello");
  const [destination, setDestination] = useState(me.email.endsWith(`@${domain.name}`) ? "" : me.email);
  const create = async () => {
    const body = {
      local_part: localPart.trim(),
      destinations: [destination.trim()],
      note: "",
      enabled: true,
    };
    const params = { path: { domain_id: domain.id }, header: { "Idempotency-Key": once.key(body) } };
    const { data } = await api.POST("/v1/domains/{domain_id}/aliases", { params, body });
    once.done();
    await queries.invalidateQueries({
      predicate: ({ queryKey: [, path] }) =>
        typeof path === "string" && /^\/v1\/(aliases|domains|destinations)/.test(path),
    });
    onDone(data);
  };
  const isReady = localPart.trim() !== "" && destination.includes("@");
  return (
    <Form onSubmit={create} verb={t`Create alias`} isReady={isReady}>
      {(field) => (
        <div className={styles.pair}>
          <div className={styles.address}>
            <TextInput
              label={t`Mail to`}
              value={localPart}
              onChange={(event) => setLocalPart(event.currentTarget.value.replace(/@.*$/s, ""))}
              error={field("local_part")}
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              data-autofocus
            />
            <span className={styles.at}>@{domain.name}</span>
          </div>
          <TextInput
            label={t`Forwards to`}
            type="email"
            placeholder="you@example.net"
            value={destination}
            onChange={(event) => setDestination(event.currentTarget.value)}
            error={field("destinations")}
            autoComplete="email"
          />
        </div>
      )}
    </Form>
  );
}

function Unconfirmed({ destination }: { destination: Shown["Destination"] }) {
  const { t } = useLingui();
  const { id, address, state, asked_at } = destination;
  const [isAsking, setAsking] = useState(false);
  const ask = async () => {
    setAsking(true);
    try {
      await api.POST("/v1/destinations/{destination_id}/confirmation", {
        params: { path: { destination_id: id } },
      });
      toast({ text: t`Asked again` });
    } catch (error) {
      toast({ text: problemOf(error).detail, tone: "bad" });
    } finally {
      setAsking(false);
    }
  };
  if (state === "stopped") {
    return (
      <p>
        <StateBadge state="failed">{t`Stopped`}</StateBadge>{" "}
        <Trans>Whoever reads {address} wants no mail from here. Give the alias another destination.</Trans>
      </p>
    );
  }
  return (
    <div className={styles.waits} role="status">
      <StateBadge state="waiting">{t`Waiting for its yes`}</StateBadge>
      <p>
        <Trans>
          We wrote to <strong>{address}</strong>. Open the letter and press its button; this page goes on by
          itself.
        </Trans>{" "}
        {asked_at !== null && (
          <span className="soft">
            <Trans>
              Asked <When at={asked_at} />.
            </Trans>
          </span>
        )}
      </p>
      <Button size="xs" onClick={ask} loading={isAsking}>
        <Trans>Send it again</Trans>
      </Button>
    </div>
  );
}
