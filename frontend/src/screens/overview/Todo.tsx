// What needs somebody now, each with the way there; nothing where all is well.
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { $api, type Shown } from "../../api/client";
import { useList } from "../../api/lists";
import { useSession } from "../../api/session";
import { useWhole } from "../../api/whole";
import { dateOf } from "../../data/moments";
import { IconFailed, IconFailing, IconWaiting } from "../../ui/icons";
import { Section } from "../../ui/Page";
import { When } from "../../ui/When";
import { AskAgain } from "../destinations/AskAgain";
import { type Domain, nextStep } from "../domain/health";
import { causeOf, stateOf, worstFirst } from "./causes";
import styles from "./overview.module.css";

const MOST = 4;
const ICONS = { bad: IconFailed, warn: IconFailing, wait: IconWaiting };

export function Todo({ domains }: { domains: Domain[] }) {
  const { t } = useLingui();
  const account = $api.useQuery("get", "/v1/account");
  const destinations = useWhole(useList("/v1/destinations", { limit: 100 })).rows;
  const steps = worstFirst(domains).filter((each) => nextStep(each) !== undefined);
  const inboxes = destinations.filter(({ state }) => state === "unconfirmed" || state === "failing");
  const fails = account.data?.payment_failing_since != null;
  if (!fails && steps.length === 0 && inboxes.length === 0) return null;
  return (
    <Section title={t`To do`}>
      <ul className={styles.todo}>
        {fails && account.data && <Payment account={account.data} />}
        {steps.slice(0, MOST).map((domain) => (
          <DomainStep key={domain.id} domain={domain} />
        ))}
        <More to="/domains" count={steps.length - MOST} />
        {inboxes.slice(0, MOST).map((each) => (
          <Inbox key={each.id} destination={each} />
        ))}
        <More to="/destinations" count={inboxes.length - MOST} />
      </ul>
    </Section>
  );
}

function Item({
  tone,
  action,
  children,
}: {
  tone: keyof typeof ICONS;
  action?: ReactNode;
  children: ReactNode;
}) {
  const Icon = ICONS[tone];
  return (
    <li data-tone={tone}>
      <Icon />
      <span className={styles.words}>{children}</span>
      {action}
    </li>
  );
}

function Payment({ account: { plan_ends_at: ends } }: { account: Shown["Account"] }) {
  const { can } = useSession();
  const pay = (
    <Link to="/billing">
      <Trans>Update the payment</Trans>
    </Link>
  );
  return (
    <Item tone="bad" action={can("billing:write") && pay}>
      {ends === null ? (
        <Trans>A payment fails</Trans>
      ) : (
        <Trans>A payment fails; the plan ends {dateOf(ends)}</Trans>
      )}
    </Item>
  );
}

function DomainStep({ domain }: { domain: Domain }) {
  const { i18n } = useLingui();
  const step = nextStep(domain);
  if (step === undefined) return null;
  const { state, word } = stateOf(domain);
  const tone = state === "failed" ? "bad" : state === "failing" || state === "paused" ? "warn" : "wait";
  return (
    <Item
      tone={tone}
      action={
        <Link to={step.to} params={{ domainId: domain.id }}>
          {i18n._(step.words)}
        </Link>
      }
    >
      <strong>{domain.name}</strong> {causeOf(domain) ?? i18n._(word)}
    </Item>
  );
}

function Inbox({ destination }: { destination: Shown["ListedDestination"] }) {
  const { can } = useSession();
  const { address, state, failing_since: since } = destination;
  if (state === "failing") {
    const look = (
      <Link to="/destinations" search={{ open: destination.id }}>
        <Trans>See why</Trans>
      </Link>
    );
    return (
      <Item tone="warn" action={look}>
        <strong>{address}</strong>{" "}
        {since !== null && (
          <Trans>
            takes no mail since <When at={since} />
          </Trans>
        )}
      </Item>
    );
  }
  return (
    <Item tone="wait" action={can("aliases:write") && <AskAgain destination={destination} />}>
      <strong>{address}</strong> <Trans>has not said yes: the letter we sent there asks for it</Trans>
    </Item>
  );
}

function More({ to, count }: { to: "/domains" | "/destinations"; count: number }) {
  if (count <= 0) return null;
  return (
    <li>
      <Link to={to} className={styles.words}>
        <Plural value={count} one="# more" other="# more" />
      </Link>
    </li>
  );
}
