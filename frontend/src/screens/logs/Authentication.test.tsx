import { screen } from "@testing-library/react";
import { expect, it } from "vitest";
import type { Shown } from "../../api/client";
import { show } from "../../test/render";
import { Authentication } from "./Authentication";

const GOOD: Shown["Authentication"] = { spf: "pass", dkim: "pass", dmarc: "pass", arc: "none", spam: null };
const words = () => screen.getAllByRole("listitem").map(({ textContent }) => textContent);
const openly = () =>
  [...document.querySelectorAll("p")]
    .filter((each) => each.closest("details") === null)
    .map((p) => p.textContent);

it("says a word for each check, and the score where there is one", async () => {
  await show(<Authentication found={{ ...GOOD, spam: -1.2 }} />);
  expect(words()).toEqual(["SPF pass", "DKIM pass", "DMARC pass", "ARC none", "Spam score -1.2"]);
  expect(openly()).toEqual([]);
});

it("what failed says at once what that means; the others say it to who asks", async () => {
  await show(<Authentication found={{ ...GOOD, spf: "softfail", dmarc: "fail" }} />);
  expect(openly()).toEqual([
    expect.stringMatching(/^SPF softfail: The domain of the return address doubts/),
    expect.stringMatching(/^DMARC fail: From may be forged/),
  ]);
  const asked = [...document.querySelectorAll("details p")].map((p) => p.textContent);
  expect(asked).toEqual([
    expect.stringMatching(/^DKIM pass: A signature holds/),
    expect.stringMatching(/^ARC none: No server/),
  ]);
});

it("a word of a later version is shown without a meaning", async () => {
  await show(<Authentication found={{ ...GOOD, arc: "novel" }} />);
  expect(words()).toContain("ARC novel");
});
