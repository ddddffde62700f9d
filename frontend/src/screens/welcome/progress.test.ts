import { expect, test } from "vitest";
import type { Shown } from "../../api/client";
import { domainLike } from "../domain/examples";
import { type Alias, chosenOf, isDone, isOpen, type Progress, STEPS, takesMail } from "./progress";

const DAY = "2026-11-22T10:00:00Z";

function aliasTo(...states: Shown["Destination"]["state"][]): Alias {
  const destinations = states.map((state) => ({ state }) as Shown["Destination"]);
  return { id: "a", destinations } as Alias;
}

function progress(change: Partial<Progress>, isTold = true): Progress {
  const account = { policy_told_at: isTold ? DAY : null } as Progress["account"];
  return { account, domain: undefined, alias: undefined, hasDelivered: false, ...change };
}

const open = (at: Progress) => STEPS.filter((step) => isOpen(at, step));
const done = (at: Progress) => STEPS.filter((step) => isDone(at, step));

test("what is logged is told before a domain can be added", () => {
  expect(open(progress({}, false))).toEqual(["policy"]);
  expect(open(progress({}))).toEqual(["policy", "domain"]);
});

test("records and alias go side by side: the DNS takes its time", () => {
  const at = progress({ domain: domainLike({ state: "not_started", found: null }) });
  expect(open(at)).toEqual(["policy", "domain", "records", "alias"]);
  expect(done(at)).toEqual(["policy", "domain"]);
});

test("an alias is done when an inbox takes its mail", () => {
  expect(takesMail(undefined)).toBe(false);
  expect(takesMail(aliasTo("unconfirmed", "stopped"))).toBe(false);
  expect(takesMail(aliasTo("unconfirmed", "confirmed"))).toBe(true);
  const waiting = progress({ domain: domainLike(), alias: aliasTo("unconfirmed") });
  expect(done(waiting)).toEqual(["policy", "domain", "records"]);
  expect(open(waiting)).toContain("test");
});

test("who comes back is led to the domain that is not ready yet", () => {
  const ready = domainLike({ id: "ready" });
  const fresh = domainLike({ id: "fresh", state: "not_started" });
  expect(chosenOf([ready, fresh], undefined)).toBe(fresh);
  expect(chosenOf([ready, fresh], "ready")).toBe(ready);
  expect(chosenOf([ready], "unknown")).toBe(ready);
  expect(chosenOf([], undefined)).toBeUndefined();
});
