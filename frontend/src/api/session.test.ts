import { expect, test } from "vitest";
import { ME } from "../test/render";
import { sessionOf } from "./session";

const as = (role: typeof ME.role) => sessionOf({ ...ME, role });

test("what a person may do is what the API says", () => {
  const viewer = sessionOf({ ...ME, scopes: ["logs:read"] });
  expect(viewer.can("logs:read")).toBe(true);
  expect(viewer.can("aliases:write")).toBe(false);
});

test("a role reaches those below it", () => {
  expect(as("owner").is("admin")).toBe(true);
  expect(as("member").is("admin")).toBe(false);
  expect(as(null).is("viewer")).toBe(false);
});

test("a sign-in of long ago is not fresh", () => {
  const at = (moment: number) => sessionOf({ ...ME, fresh_until: new Date(moment).toISOString() });
  expect(at(Date.now() + 60_000).isFresh()).toBe(true);
  expect(at(Date.now() - 1).isFresh()).toBe(false);
});
