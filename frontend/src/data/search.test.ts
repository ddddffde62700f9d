import { expect, test } from "vitest";
import { flag, oneOf, parseSearch, searchOf, stringifySearch, text } from "./search";

const search = searchOf({ q: text, event: oneOf("delivered", "refused"), add: flag });

test("what is allowed in a URL is kept as it is", () => {
  expect(search({ q: "123", event: "refused", add: "1" })).toEqual({ q: "123", event: "refused", add: "1" });
});

test("what is not allowed is dropped", () => {
  expect(search({ q: "  ", event: "opened", add: "yes", other: "x" })).toEqual({});
});

test("a search is plain text there and back", () => {
  const written = stringifySearch({ q: "a b&c=1", none: undefined, empty: "" });
  expect(written).toBe("?q=a+b%26c%3D1");
  expect(parseSearch(written.slice(1))).toEqual({ q: "a b&c=1" });
  expect(stringifySearch({})).toBe("");
});
