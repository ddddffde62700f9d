import { screen } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { markAway, markHere } from "../api/reach";
import { newQueries, show } from "../test/render";
import { Banners } from "./Banners";

const ACCOUNT = {
  name: "Demo",
  plan: "free",
  limits: { domains: 1 },
  suspended: null,
  payment_failing_since: null,
  plan_ends_at: null,
  surplus_pauses_at: null,
  support_until: null,
};
const FAR = "2999-01-01T00:00:00Z";

function withAccount(more: object) {
  const queries = newQueries();
  queries.setQueryData(["get", "/v1/account"], { ...ACCOUNT, ...more });
  return show(<Banners />, queries);
}

afterEach(markHere);

test("an account without worries has no banner", async () => {
  await withAccount({});
  expect(screen.queryByRole("status")).toBeNull();
});

test("a silence of the API is told, with a way to ask again", async () => {
  markAway();
  await withAccount({});
  expect((await screen.findByRole("status")).textContent).toContain("does not answer");
  expect(screen.getByRole("button", { name: "Try now" })).toBeTruthy();
});

test("a suspended account reads why, and what becomes of its mail", async () => {
  await withAccount({ suspended: { explanation: "it sends spam", refused_from: FAR } });
  expect((await screen.findByRole("status")).textContent).toMatch(
    /suspended: it sends spam\. Mail to it is put off/,
  );
});

test("a payment that fails leads to where it is mended", async () => {
  await withAccount({ payment_failing_since: "2026-11-20T00:00:00Z", plan_ends_at: FAR });
  expect((await screen.findByRole("status")).textContent).toContain("the plan ends Jan 1, 2999");
  expect(screen.getByRole("link").getAttribute("href")).toBe("/billing");
});

test("a surplus says how much has room, and that nothing is deleted", async () => {
  await withAccount({ surplus_pauses_at: FAR });
  expect((await screen.findByRole("status")).textContent).toMatch(/room for 1 domain\. .*nothing is deleted/);
});

test("while our staff may look it says so, and where that is ended", async () => {
  await withAccount({ support_until: FAR });
  expect((await screen.findByRole("status")).textContent).toMatch(
    /staff may read your log.*ends Jan 1, 2999/,
  );
  expect(screen.getByRole("link").getAttribute("href")).toBe("/support-access");
});
