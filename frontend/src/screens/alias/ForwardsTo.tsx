// The destinations of an alias: how each is, asked again, taken away, one more.
import { Trans, useLingui } from "@lingui/react/macro";
import { ActionIcon, Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useChange } from "../../api/change";
import { $api } from "../../api/client";
import { Form } from "../../ui/Form";
import { IconClose, IconPlus } from "../../ui/icons";
import { LimitNote } from "../../ui/notes";
import { Section } from "../../ui/Page";
import { When } from "../../ui/When";
import { type Alias, type Destination, patchAlias } from "../aliases/changes";
import { DestinationState } from "../aliases/DestinationState";
import { DestinationsField } from "../aliases/DestinationsField";
import { AskAgain } from "../destinations/AskAgain";
import styles from "./alias.module.css";
import { redirect, removal } from "./forwarding";

export function ForwardsTo({ alias, mayWrite }: { alias: Alias; mayWrite: boolean }) {
  const { t } = useLingui();
  const [isAdding, setAdding] = useState(false);
  const remove = useChange(removal);
  const last = alias.destinations.length === 1;
  return (
    <Section
      title={t`Forwards to`}
      actions={
        mayWrite &&
        !isAdding && (
          <Button size="xs" leftSection={<IconPlus />} onClick={() => setAdding(true)}>
            <Trans>Add destination</Trans>
          </Button>
        )
      }
    >
      <ul className={styles.inboxes}>
        {alias.destinations.map((each) => (
          <li key={each.id}>
            <Link to="/destinations" search={{ open: each.id }} className={styles.inbox}>
              {each.address}
            </Link>
            <DestinationState state={each.state} />
            <Since destination={each} />
            <span className={styles.acts}>
              {mayWrite && each.state === "unconfirmed" && <AskAgain destination={each} />}
              {mayWrite && !last && (
                <ActionIcon
                  aria-label={t`Remove ${each.address}`}
                  onClick={() => void remove({ alias, destination: each })}
                >
                  <IconClose />
                </ActionIcon>
              )}
            </span>
          </li>
        ))}
      </ul>
      {isAdding && <Add alias={alias} onClose={() => setAdding(false)} />}
    </Section>
  );
}

/** What makes the state understood: when it began. */
function Since({ destination: { state, asked_at, failing_since } }: { destination: Destination }) {
  return (
    <span className="soft">
      {state === "unconfirmed" && asked_at !== null && (
        <Trans>
          asked <When at={asked_at} />
        </Trans>
      )}
      {state === "failing" && failing_since !== null && (
        <Trans>
          since <When at={failing_since} />
        </Trans>
      )}
    </span>
  );
}

function Add({ alias, onClose }: { alias: Alias; onClose: () => void }) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const account = $api.useQuery("get", "/v1/account");
  const [to, setTo] = useState<string[]>([]);
  const limit = account.data?.limits.destinations_per_alias;
  if (limit !== undefined && alias.destinations.length >= limit) {
    return (
      <LimitNote>
        <Trans>Your plan has room for {limit} destinations of one alias.</Trans>
      </LimitNote>
    );
  }
  const submit = async () => {
    const done = await redirect(alias.id, (ids) => [...ids, ...to]);
    patchAlias(queries, done.id, () => done);
    await queries.invalidateQueries({ predicate: ({ queryKey: [, path] }) => path === "/v1/destinations" });
    onClose();
  };
  return (
    <Form
      verb={t`Add`}
      onSubmit={submit}
      isReady={to.length > 0}
      beside={
        <Button variant="subtle" onClick={onClose}>
          <Trans>Cancel</Trans>
        </Button>
      }
    >
      {(error) => (
        <DestinationsField
          label={t`Also forward to`}
          value={to}
          onChange={setTo}
          error={error("destinations")}
        />
      )}
    </Form>
  );
}
