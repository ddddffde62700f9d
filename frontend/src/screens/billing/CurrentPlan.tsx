// What is paid now, until when, and what comes after; with the one thing to do where something is amiss.
import { Trans, useLingui } from "@lingui/react/macro";
import { getRouteApi } from "@tanstack/react-router";
import { type ReactNode, useEffect } from "react";
import { useSession } from "../../api/session";
import { money } from "../../data/figures";
import { dateOf } from "../../data/moments";
import { type Plan, planName } from "../../data/plans";
import { Facts } from "../../ui/Facts";
import { Section } from "../../ui/Page";
import { StateBadge } from "../../ui/StateBadge";
import { toast } from "../../ui/toasts";
import styles from "./billing.module.css";
import { KeepButton } from "./KeepButton";
import type { Billing } from "./orders";
import { PortalButton } from "./PortalButton";
import { type Offer, priceOf } from "./rows";
import { EVERY } from "./words";

interface Props {
  plan: Plan;
  /** Not for everybody's eyes, and not there at once. */
  billing: Billing | undefined;
  offers: Offer[];
}

const route = getRouteApi("/billing");

export function CurrentPlan({ plan, billing, offers }: Props) {
  const { t, i18n } = useLingui();
  const price =
    billing?.interval &&
    priceOf(
      offers.find((each) => each.plan === plan),
      billing.interval,
    );
  const cost = price && `${money(price.amount, price.currency)} ${i18n._(EVERY[price.interval])}`;
  const facts: [string, ReactNode][] = [[t`Plan`, <PlanName key="plan" plan={plan} billing={billing} />]];
  if (cost) facts.push([t`Price`, cost]);
  facts.push(...useDates(billing));
  return (
    <Section title={t`Your plan`}>
      <FromStripe plan={plan} />
      {billing && <PastDue billing={billing} />}
      <div className={styles.current}>
        <Facts of={facts} />
        {billing && <Ordered billing={billing} plan={plan} />}
      </div>
    </Section>
  );
}

function PlanName({ plan, billing }: { plan: Plan; billing: Billing | undefined }) {
  return (
    <span className="row">
      <strong>{planName(plan)}</strong>
      {billing?.past_due_since && (
        <StateBadge state="failing">
          <Trans>Payment fails</Trans>
        </StateBadge>
      )}
      {billing?.status === "trialing" && (
        <StateBadge state="waiting">
          <Trans>Trial</Trans>
        </StateBadge>
      )}
    </span>
  );
}

function useDates(billing: Billing | undefined): [string, ReactNode][] {
  const { t } = useLingui();
  if (billing === undefined) return [];
  const { period_end: end, cancel_at: ends, trial_end: trial, next_plan: next } = billing;
  const found: [string, ReactNode][] = [];
  if (trial !== null && billing.status === "trialing") found.push([t`Trial ends`, dateOf(trial)]);
  if (ends !== null) found.push([t`Ends`, t`${dateOf(ends)}, then ${planName("free")}`]);
  else if (next !== null && end !== null) found.push([t`Changes`, t`${dateOf(end)}, to ${planName(next)}`]);
  else if (end !== null && billing.past_due_since === null && billing.status !== "canceled")
    found.push([t`Renews`, dateOf(end)]);
  return found;
}

/** What was ordered for the end of the period can be taken back until then. */
function Ordered({ billing, plan }: { billing: Billing; plan: Plan }) {
  const { can } = useSession();
  const isOrdered = billing.cancel_at !== null || billing.next_plan !== null;
  if (!isOrdered || billing.interval === null || !can("billing:write")) return null;
  return <KeepButton plan={plan} interval={billing.interval} />;
}

function PastDue({ billing: { past_due_since: since, plan_ends_at: ends } }: { billing: Billing }) {
  const { can } = useSession();
  if (since === null) return null;
  return (
    <div className={styles.pay}>
      <p>
        <Trans>The payment has failed since {dateOf(since)}.</Trans>{" "}
        {ends !== null && (
          <Trans>
            Everything works until {dateOf(ends)}. Unless it is paid by then, the free plan begins.
          </Trans>
        )}
      </p>
      {can("billing:write") && (
        <PortalButton isMain>
          <Trans>Update the payment</Trans>
        </PortalButton>
      )}
    </div>
  );
}

/** Back from Stripe's page: its event is what changes the plan, and comes within seconds. */
function FromStripe({ plan }: { plan: Plan }) {
  const { t } = useLingui();
  const { checkout } = route.useSearch();
  const navigate = route.useNavigate();
  const has = checkout === "done" && plan !== "free";
  useEffect(() => {
    if (!has && checkout !== "cancelled") return;
    toast({ text: has ? t`${planName(plan)} is yours` : t`Nothing was bought` });
    void navigate({ search: {}, replace: true });
  }, [has, checkout, plan, navigate, t]);
  return (
    <p role="status" className={checkout === "done" && !has ? undefined : "sr-only"}>
      {checkout === "done" && !has && (
        <Trans>Paid. The plan changes as soon as Stripe has told us: within seconds, usually.</Trans>
      )}
    </p>
  );
}
