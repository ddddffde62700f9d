import { expect, test } from "vitest";
import { type Offer, rowsOf, savedBy } from "./rows";

const LIMITS = {
  domains: 1,
  aliases_per_domain: 25,
  destinations_per_alias: 5,
  attachment_bytes: 10 << 20,
  forwarded_per_day: 500,
  lane: "standard",
} as const;
const FREE: Offer = { plan: "free", limits: LIMITS, prices: [] };
const PREMIUM: Offer = {
  plan: "premium",
  limits: { ...LIMITS, domains: 30 },
  prices: [
    { interval: "month", amount: 900, currency: "usd" },
    { interval: "year", amount: 9000, currency: "usd" },
  ],
};

test("only what differs from one's own plan is marked", () => {
  const marked = rowsOf([FREE, PREMIUM], "free").flatMap(({ id, cells }) =>
    cells.filter(({ differs }) => differs).map(({ plan, text }) => [id, plan, text]),
  );
  expect(marked).toEqual([["domains", "premium", "30"]]);
});

test("a year tells what it saves, where both are sold", () => {
  expect(savedBy(PREMIUM)).toBe("$18");
  expect(savedBy({ ...PREMIUM, prices: PREMIUM.prices.slice(1) })).toBeUndefined();
});
