// What an owner may ask of Stripe, and where each leads: a page of theirs, or a change of what is bought.
import { api, type Shown } from "../../api/client";
import type { Plan } from "../../data/plans";
import type { Interval } from "./rows";

export type Billing = Shown["Billing"];

/** Leaves for Stripe's page, where it is paid. */
export async function buy(plan: Plan, interval: Interval): Promise<void> {
  if (plan === "free") return;
  const { data } = await api.POST("/v1/billing/checkout", { body: { plan, interval } });
  leaveFor(data?.url);
}

/** Leaves for Stripe's page of cards and invoices. */
export async function openPortal(): Promise<void> {
  const { data } = await api.POST("/v1/billing/portal");
  leaveFor(data?.url);
}

export async function order(plan: Plan, interval: Interval): Promise<Shown["Change"] | undefined> {
  return (await api.POST("/v1/billing/change", { body: { plan, interval } })).data;
}

function leaveFor(url: string | undefined): void {
  if (url !== undefined) window.location.assign(url);
}

const LIVE: Billing["status"][] = ["trialing", "active", "past_due", "paused"];

/** What is bought runs, or waits for a payment: it is changed, not bought anew. */
export function isLive({ status }: Billing): boolean {
  return LIVE.includes(status);
}
