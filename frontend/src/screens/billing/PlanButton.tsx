// Under each plan: that it is yours, or the way to it. The one that a limit led to is the main one.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useSession } from "../../api/session";
import { type Plan, planName } from "../../data/plans";
import { StateBadge } from "../../ui/StateBadge";
import { type Billing, isLive } from "./orders";
import type { Interval } from "./rows";

const ORDER: Plan[] = ["free", "premium", "business"];

interface Props {
  plan: Plan;
  current: Plan;
  billing: Billing | undefined;
  interval: Interval;
  isSold: boolean;
  wanted: Plan | undefined;
}

export function PlanButton({ plan, current, billing, interval, isSold, wanted }: Props) {
  const { t } = useLingui();
  const { can } = useSession();
  const isMine = plan === current;
  const isOtherInterval = isMine && billing?.interval != null && billing.interval !== interval;
  if (isMine && !isOtherInterval) {
    return (
      <StateBadge state="ok">
        <Trans>Your plan</Trans>
      </StateBadge>
    );
  }
  if (!isSold || !can("billing:write") || billing === undefined) return null;
  if (plan === "free" && !isLive(billing)) return null;
  // Stripe changes nothing before that is paid; leaving is always possible.
  if (plan !== "free" && billing.past_due_since !== null) return null;
  const isUp = ORDER.indexOf(plan) > ORDER.indexOf(current);
  const isMain =
    wanted === undefined ? isUp && ORDER.indexOf(plan) === ORDER.indexOf(current) + 1 : plan === wanted;
  const words = isOtherInterval
    ? interval === "year"
      ? t`Pay yearly`
      : t`Pay monthly`
    : isUp
      ? t`Upgrade to ${planName(plan)}`
      : t`Downgrade to ${planName(plan)}`;
  return (
    <Button
      variant={isMain ? "filled" : "default"}
      renderRoot={(props) => (
        <Link
          to="/billing"
          search={(old) => ({ ...old, to: plan, interval })}
          resetScroll={false}
          {...props}
        />
      )}
    >
      {words}
    </Button>
  );
}
