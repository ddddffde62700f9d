import { expect, it } from "vitest";
import { tlsOf } from "./words";

it.each([
  ["250 2.0.0 Ok: queued [TLSv1.3, verified]", { words: "TLSv1.3, verified", isEncrypted: true }],
  ["250 2.0.0 Ok [TLSv1.2]", { words: "TLSv1.2", isEncrypted: true }],
  ["250 2.0.0 Ok [no TLS]", { words: "no TLS", isEncrypted: false }],
  ["250 2.0.0 [TLSv1.3] Ok", undefined],
  ["250 2.0.0 Ok [127.0.0.1]", undefined],
  ["550 5.1.1 no such user", undefined],
])("of %j the TLS is %j", (response, expected) => {
  expect(tlsOf(response)).toEqual(expected);
});
