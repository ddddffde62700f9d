// One alias: where its mail goes, who wrote lately, and whether it works: a test message, seen live.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useChange } from "../../api/change";
import { $api } from "../../api/client";
import { problemOf } from "../../api/problem";
import { useSession } from "../../api/session";
import { useCommands } from "../../shell/commands";
import { EmptyState } from "../../ui/EmptyState";
import { Facts } from "../../ui/Facts";
import { IconAlias, IconSend } from "../../ui/icons";
import { ProblemNote } from "../../ui/notes";
import { Page } from "../../ui/Page";
import { Skeleton } from "../../ui/Skeleton";
import { StateBadge } from "../../ui/StateBadge";
import { When } from "../../ui/When";
import { type Alias, heldAlias, ONE, toggle } from "../aliases/changes";
import { Delete } from "./Delete";
import { ForwardsTo } from "./ForwardsTo";
import { Messages } from "./Messages";
import { Note } from "./Note";
import { Senders } from "./Senders";
import { TestMessage } from "./TestMessage";
import { useTest } from "./useTest";

const route = getRouteApi("/aliases/$aliasId");

export default function Screen() {
  const { t } = useLingui();
  const { aliasId } = route.useParams();
  const queries = useQueryClient();
  const found = $api.useQuery(
    "get",
    ONE,
    { params: { path: { alias_id: aliasId } } },
    // Whoever comes from the list has seen it already.
    { placeholderData: () => heldAlias(queries, aliasId) },
  );
  const above = (
    <Link to="/aliases">
      <Trans>Aliases</Trans>
    </Link>
  );
  if (found.data !== undefined) return <One key={aliasId} alias={found.data} above={above} />;
  const problem = found.error === null ? undefined : problemOf(found.error);
  return (
    <Page title={t`Alias`} above={above}>
      {problem === undefined && <Skeleton lines={8} />}
      {problem?.code === "not_found" && (
        <EmptyState icon={IconAlias} title={t`This alias does not exist`} action={above}>
          <Trans>It was deleted, or belongs to another account.</Trans>
        </EmptyState>
      )}
      {problem !== undefined && problem.code !== "not_found" && (
        <ProblemNote error={problem} again={() => void found.refetch()} />
      )}
    </Page>
  );
}

function One({ alias, above }: { alias: Alias; above: React.ReactNode }) {
  const { t } = useLingui();
  const { can } = useSession();
  const change = useChange(toggle);
  const test = useTest(alias.id);
  const [isDeleting, setDeleting] = useState(false);
  const mayWrite = can("aliases:write");
  const domain = alias.address.replace(/^.*@/, "");
  const isCatchAll = alias.local_part === "*";
  const { send } = test;
  const commands = useMemo(
    () =>
      mayWrite
        ? [
            { id: "alias-test", title: t`Send a test message`, keys: "t", group: t`This alias`, run: send },
            {
              id: "alias-toggle",
              title: alias.enabled ? t`Pause this alias` : t`Resume this alias`,
              keys: "p",
              group: t`This alias`,
              run: () => void change(alias),
            },
          ]
        : [],
    [mayWrite, send, change, alias, t],
  );
  useCommands(commands);
  return (
    <Page
      title={alias.address}
      above={above}
      mark={<State alias={alias} />}
      lead={isCatchAll && t`The catch-all: it takes mail to every address of ${domain} that is no alias.`}
      actions={
        mayWrite && (
          <>
            <Button onClick={() => void change(alias)}>{alias.enabled ? t`Pause` : t`Resume`}</Button>
            <Button variant="filled" leftSection={<IconSend />} onClick={send} loading={test.isSending}>
              <Trans>Send test message</Trans>
            </Button>
          </>
        )
      }
    >
      <TestMessage test={test} />
      {alias.paused_at !== null && <PausedByPlan />}
      <ForwardsTo alias={alias} mayWrite={mayWrite} />
      <Facts
        of={[
          [t`Note`, <Note key="note" alias={alias} mayWrite={mayWrite} />],
          [
            t`Domain`,
            <Link key="domain" to="/domains/$domainId" params={{ domainId: alias.domain_id }}>
              {domain}
            </Link>,
          ],
          [t`Created`, <When key="created" at={alias.created_at} />],
        ]}
      />
      {can("logs:read") && <Messages alias={alias} isCatchAll={isCatchAll} />}
      {can("logs:read") && <Senders alias={alias} isCatchAll={isCatchAll} />}
      {mayWrite && <Delete alias={alias} isOpen={isDeleting} onOpen={setDeleting} />}
    </Page>
  );
}

function State({ alias }: { alias: Alias }) {
  const { t } = useLingui();
  if (alias.paused_at !== null) return <StateBadge state="paused">{t`Paused by plan`}</StateBadge>;
  if (!alias.enabled) return <StateBadge state="paused" />;
  const states = alias.destinations.map(({ state }) => state);
  if (states.includes("confirmed")) return <StateBadge state="ok">{t`Active`}</StateBadge>;
  if (states.includes("failing")) return <StateBadge state="failing">{t`Destination failing`}</StateBadge>;
  return <StateBadge state="waiting">{t`Waiting for confirmation`}</StateBadge>;
}

function PausedByPlan() {
  return (
    <p className="soft">
      <Trans>The plan has no room for it: its mail is refused with 550 5.2.1. A larger plan wakes it.</Trans>{" "}
      <Link to="/billing">
        <Trans>See plans</Trans>
      </Link>
    </p>
  );
}
