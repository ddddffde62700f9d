// Before another plan: what is paid, when it begins, and what would pause. Nothing changes before the press.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { getRouteApi } from "@tanstack/react-router";
import { $api, type Shown } from "../../api/client";
import { useRefresh } from "../../api/refresh";
import { money } from "../../data/figures";
import { dateOf } from "../../data/moments";
import { type Plan, planName } from "../../data/plans";
import { Dialog } from "../../ui/Dialog";
import { Form } from "../../ui/Form";
import { Loaded } from "../../ui/Loaded";
import { toast } from "../../ui/toasts";
import { type Billing, buy, order } from "./orders";
import { type Interval, type Offer, priceOf } from "./rows";
import { WhatHappens } from "./WhatHappens";
import { EVERY } from "./words";

interface Props {
  to: Plan;
  offers: Offer[];
  billing: Billing;
  onClose: () => void;
}

const route = getRouteApi("/billing");

export function ChangePlan({ to, offers, billing, onClose }: Props) {
  const { t } = useLingui();
  const interval = route.useSearch().interval ?? billing.interval ?? "month";
  const body = { plan: to, interval };
  const preview = $api.useQuery("post", "/v1/billing/preview", { body }, { staleTime: 0, gcTime: 0 });
  const isSame = to === billing.plan;
  const name = planName(to);
  return (
    <Dialog title={isSame ? t`Change how you pay` : t`Change to ${name}`} onClose={onClose}>
      <Loaded query={preview} lines={4}>
        {(found) => (
          <Preview
            {...{ to, interval, billing, found, onClose }}
            offer={offers.find(({ plan }) => plan === to)}
          />
        )}
      </Loaded>
    </Dialog>
  );
}

interface PreviewProps {
  to: Plan;
  interval: Interval;
  billing: Billing;
  found: Shown["Preview"];
  offer: Offer | undefined;
  onClose: () => void;
}

function Preview({ to, interval, billing, found, offer, onClose }: PreviewProps) {
  const { t, i18n } = useLingui();
  const refresh = useRefresh();
  const price = priceOf(offer, interval);
  const cost = price && `${money(price.amount, price.currency)} ${i18n._(EVERY[interval])}`;
  const submit = async () => {
    if (found.effective === "checkout") return buy(to, interval);
    const done = await order(to, interval);
    toast(said(done));
    await refresh("/v1/billing", "/v1/account");
    onClose();
  };
  const said = (done: Shown["Change"] | undefined) => {
    const name = planName(to);
    if (done?.effective !== "period_end" || done.at === null) return { text: t`${name} ordered` };
    const { interval: before, plan } = billing;
    const undo = async () => {
      if (before !== null) await order(plan, before);
      await refresh("/v1/billing", "/v1/account");
    };
    return { text: t`${name} begins ${dateOf(done.at)}`, undo };
  };
  return (
    <Form
      onSubmit={submit}
      verb={useVerb(to, found)}
      beside={
        <Button onClick={onClose}>
          <Trans>Cancel</Trans>
        </Button>
      }
    >
      {() => (
        <>
          <p>
            {cost !== undefined && (
              <Trans>
                {planName(to)} costs {cost}.
              </Trans>
            )}{" "}
            <HowPaid found={found} />
          </p>
          <WhatHappens to={to} from={billing.plan} found={found} />
        </>
      )}
    </Form>
  );
}

function useVerb(to: Plan, { effective, due }: Shown["Preview"]): string {
  const { t } = useLingui();
  const name = planName(to);
  if (effective === "checkout") return t`Continue to payment`;
  if (effective === "unchanged") return t`Keep ${name}`;
  if (effective === "period_end") return t`Change to ${name}`;
  if (due !== null && due.amount > 0) return t`Pay ${money(due.amount, due.currency)} and change`;
  return t`Change now`;
}

function HowPaid({ found: { effective, at, due } }: { found: Shown["Preview"] }) {
  if (effective === "checkout") return <Trans>You pay on Stripe’s page and come back here.</Trans>;
  if (effective === "unchanged") return <Trans>This is what you have.</Trans>;
  if (effective === "period_end") {
    return at === null ? null : <Trans>It begins on {dateOf(at)}, when what you have paid ends.</Trans>;
  }
  if (due === null) return <Trans>It begins at once.</Trans>;
  if (due.amount < 0) {
    return <Trans>It begins at once; {money(-due.amount, due.currency)} are credited to you.</Trans>;
  }
  return <Trans>It begins at once; due now are {money(due.amount, due.currency)}.</Trans>;
}
