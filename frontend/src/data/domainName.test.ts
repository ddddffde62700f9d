import { expect, test } from "vitest";
import { readDomainName, shortRecordName } from "./domainName";

test.each([
  ["https://www.shop.example/x?y=1#z", "shop.example"],
  ["me@shop.example", "shop.example"],
  ["<Me@Shop.Example>", "shop.example"],
  ["mailto:me@shop.example", "shop.example"],
  ["http://user:secret@shop.example:8080/", "shop.example"],
  ["  www.shop.example. ", "shop.example"],
  ["//shop.example/", "shop.example"],
  ["https://mail.shop.example", "mail.shop.example"],
])("%s is taken for %s, and the person is told", (pasted, name) => {
  expect(readDomainName(pasted)).toEqual({ name, isTaken: true });
});

test.each(["shop.example", "Bücher.example", "www.example", "shop", ""])(
  "%s is what it is: nothing to tell",
  (pasted) => {
    expect(readDomainName(pasted)).toEqual({ name: pasted.toLowerCase(), isTaken: false });
  },
);

test("names of records are told as providers want them", () => {
  expect(shortRecordName("_clearpost.shop.example", "shop.example")).toBe("_clearpost");
  expect(shortRecordName("shop.example", "shop.example")).toBe("@");
});
