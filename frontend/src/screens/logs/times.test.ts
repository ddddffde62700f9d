import { expect, it } from "vitest";
import { fromField, spanOf, timesOf, toField } from "./times";

const NOW = Date.parse("2026-11-22T10:20:30Z");

it("means by a span what it is at the moment of the choice", () => {
  expect(timesOf("hour", NOW).since).toBe("2026-11-22T09:20:00Z");
  expect(timesOf("day", NOW).since).toBe("2026-11-21T10:20:00Z");
  expect(timesOf("any", NOW)).toEqual({ since: undefined, until: undefined });
  expect(spanOf(timesOf("hour", NOW))).toBe("between");
  expect(spanOf(timesOf("any", NOW))).toBe("any");
});

it("gives a field back what it showed", () => {
  expect(fromField(toField("2026-11-22T09:20:00Z"))).toBe("2026-11-22T09:20:00Z");
  expect(toField(undefined)).toBe("");
  expect(toField("soon")).toBe("");
  expect(fromField("")).toBeUndefined();
});
