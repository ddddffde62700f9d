// What plans are compared by: one row for each limit, and which of them differ.
import type { Shown } from "../../api/client";
import { bytes, money, number } from "../../data/figures";
import type { Plan } from "../../data/plans";

export type Offer = Shown["PlanOffer"];
export type Interval = "month" | "year";

export type RowId = keyof Shown["Limits"];
const ORDER: [RowId, (limits: Shown["Limits"]) => string][] = [
  ["domains", (limits) => number(limits.domains)],
  ["aliases_per_domain", (limits) => number(limits.aliases_per_domain)],
  ["destinations_per_alias", (limits) => number(limits.destinations_per_alias)],
  ["forwarded_per_day", (limits) => number(limits.forwarded_per_day)],
  ["attachment_bytes", (limits) => bytes(limits.attachment_bytes)],
  ["lane", (limits) => limits.lane],
];

export interface Row {
  id: RowId;
  /** By the order of the offers. */
  cells: { plan: Plan; text: string; differs: boolean }[];
}

/** `differs`: from what the account has now, which is what a reader compares with. */
export function rowsOf(offers: Offer[], current: Plan): Row[] {
  const mine = offers.find(({ plan }) => plan === current)?.limits;
  return ORDER.map(([id, say]) => ({
    id,
    cells: offers.map(({ plan, limits }) => {
      const text = say(limits);
      return { plan, text, differs: mine !== undefined && text !== say(mine) };
    }),
  }));
}

export function priceOf(offer: Offer | undefined, interval: Interval): Shown["Price"] | undefined {
  return offer?.prices.find((price) => price.interval === interval);
}

/** What a year costs less than twelve months, in the smallest unit; undefined where both are not sold. */
export function savedBy(offer: Offer): string | undefined {
  const month = priceOf(offer, "month");
  const year = priceOf(offer, "year");
  if (month === undefined || year === undefined || year.amount >= 12 * month.amount) return undefined;
  return money(12 * month.amount - year.amount, year.currency);
}
