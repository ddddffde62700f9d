import { expect, it } from "vitest";
import { asItIs, chosen, scoreOf } from "./choices";
import { domainLike } from "./examples";

const domain = domainLike({ mail: { strict_dmarc: false, require_tls: true, spam_threshold: 7.5 } });

it("a choice leaves all others as they are", () => {
  expect(chosen(domain, { mail: { spam_threshold: null } })).toEqual({
    ...domain,
    mail: { ...domain.mail, spam_threshold: null },
  });
  expect(chosen(domain, { plus_addressing: false })).toEqual({ ...domain, plus_addressing: false });
});

it("what undoes a choice names the same things, as they were", () => {
  expect(asItIs(domain, { mail: { spam_threshold: null } })).toEqual({ mail: { spam_threshold: 7.5 } });
  expect(asItIs(domain, { mail: { strict_dmarc: true, require_tls: false } })).toEqual({
    mail: { strict_dmarc: false, require_tls: true },
  });
  expect(asItIs(domain, { plus_addressing: false })).toEqual({ plus_addressing: true });
  expect(asItIs(domain, { log_level: "failures" })).toEqual({ log_level: "full" });
});

it.each([
  ["15", 15],
  ["7.5", 7.5],
  ["7,5", 7.5],
  [" 1 ", 1],
  ["100", 100],
  ["0", undefined],
  ["100.1", undefined],
  ["", undefined],
  [" ", undefined],
  ["many", undefined],
  ["Infinity", undefined],
])("typed %j is the score %s", (typed, expected) => {
  expect(scoreOf(typed)).toBe(expected);
});
