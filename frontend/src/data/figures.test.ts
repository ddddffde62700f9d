import { expect, test } from "vitest";
import { bytes, money, percent, short } from "./figures";

test("money comes in the smallest unit, and shows none where it is whole", () => {
  expect(money(900, "usd")).toBe("$9");
  expect(money(950, "usd")).toBe("$9.50");
  expect(money(900, "jpy")).toBe("¥900");
});

test("bytes are counted by 1,024", () => {
  expect(bytes(10_485_760)).toBe("10 MB");
  expect(bytes(1536)).toBe("1.5 kB");
  expect(bytes(0)).toBe("0 byte");
});

test("a share of nothing is nothing", () => {
  expect(percent(1, 4)).toBe("25%");
  expect(percent(1, 0)).toBe("0%");
});

test("axes are short", () => expect(short(12_300)).toBe("12.3K"));
