import { expect, test } from "vitest";
import { onceKey } from "./once";

function numbered() {
  let count = 0;
  return onceKey(() => `key ${++count}`);
}

test("the same content keeps its key until it was made", () => {
  const once = numbered();
  expect(once.key({ a: 1 })).toBe("key 1");
  expect(once.key({ a: 1 })).toBe("key 1");
  once.done();
  expect(once.key({ a: 1 })).toBe("key 2");
});

test("other content gets another key: with the old one it would be refused", () => {
  const once = numbered();
  once.key({ a: 1 });
  expect(once.key({ a: 2 })).toBe("key 2");
});
