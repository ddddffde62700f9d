import { expect, it } from "vitest";
import { type LogFilter, matches } from "./matching";

const message = {
  id: "1",
  received_at: "2026-11-22T10:00:00Z",
  domain_id: "d1",
  alias: "hello+shop@shop.test",
  sender: "Ada <ada@example.com>",
  subject: "Lunch",
  client_ip: "",
  client_name: "",
  last_event: "delivered",
  authentication: { spf: "pass", dkim: "none", dmarc: "fail", arc: "none", spam: null },
};
const holds = (filter: LogFilter) => matches(filter, message, "delivered");

it.each<[LogFilter, boolean]>([
  [{}, true],
  [{ domain_id: "d1" }, true],
  [{ domain_id: "d2" }, false],
  [{ event: "delivered" }, true],
  [{ event: "refused" }, false],
  [{ since: "2026-11-22T10:00:00Z" }, true],
  [{ since: "2026-11-22T10:00:01Z" }, false],
  [{ until: "2026-11-22T10:00:00Z" }, false],
  [{ until: "2026-11-22T12:00:00+01:00" }, true],
  [{ alias: "hello@shop.test" }, true],
  [{ alias: "hello+shop@shop.test" }, true],
  [{ alias: "hell@shop.test" }, false],
  [{ alias: "hello@shop.tes" }, false],
  [{ dmarc: "fail" }, true],
  [{ dmarc: "pass" }, false],
  [{ sender: "ADA@example.com" }, true],
  [{ sender: "Ada <ada@example.com>" }, true],
  [{ sender: "ada@example.org" }, false],
  [{ q: "LUNCH" }, true],
  [{ q: "ada@" }, true],
  [{ q: "+shop" }, true],
  [{ q: "dinner" }, false],
])("asked for %j, a message is there: %s", (filter, expected) => {
  expect(holds(filter)).toBe(expected);
});

it("a message of which nothing is known has no result of DMARC", () => {
  expect(matches({ dmarc: "none" }, { ...message, authentication: null }, "refused")).toBe(false);
});
