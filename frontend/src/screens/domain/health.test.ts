import { expect, test } from "vitest";
import { say } from "../../i18n";
import { domainLike, foundRow } from "./examples";
import { type Domain, healthOf, isPerfect, isReady, nextStep } from "./health";

const words = (domain: Domain) => {
  const step = nextStep(domain);
  return step && say(step.words);
};

test("a domain that is well asks for nothing", () => {
  expect(nextStep(domainLike())).toBeUndefined();
  expect(healthOf(domainLike()).state).toBe("ok");
});

test.each([
  ["not_started", "Publish its records"],
  ["pending", "Finish its records"],
  ["temporarily_failing", "Restore its records"],
  ["failed", "Publish its records anew"],
  ["displaced", "Prove that it is yours"],
] as const)("a domain that is %s asks: %s", (state, wanted) => {
  expect(words(domainLike({ state }))).toBe(wanted);
});

test("a verified domain whose mail goes elsewhere asks for its MX before its aliases", () => {
  const found = (mx: Partial<ReturnType<typeof foundRow>>) => ({
    ownership: foundRow(),
    mx: foundRow(mx),
    spf: foundRow(),
    dmarc: null,
  });
  const alone = domainLike({ alias_count: 0, found: found({ state: "missing" }) });
  expect(words(alone)).toBe("Point its MX to us");
  expect(isReady(alone)).toBe(false);
  expect(words(domainLike({ found: found({ state: "wrong", found: ["5 old.test", "10 ours.test"] }) }))).toBe(
    "Remove the old MX",
  );
  expect(nextStep(domainLike({ found: found({ state: "failure" }) }))).toBeUndefined();
});

test("a domain without aliases asks for one, a paused one for a plan before all else", () => {
  expect(words(domainLike({ alias_count: 0 }))).toBe("Create an alias");
  const paused = domainLike({ state: "failed", paused_at: "2026-11-22T10:00:00Z" });
  expect(nextStep(paused)?.to).toBe("/billing");
  expect(healthOf(paused).state).toBe("paused");
});

test("advice does not keep a domain from being ready, but from being perfect", () => {
  const found = { ownership: foundRow(), mx: foundRow(), spf: foundRow({ state: "missing" }), dmarc: null };
  expect(isReady(domainLike({ found }))).toBe(true);
  expect(isPerfect(domainLike({ found }))).toBe(false);
});
