import { expect, it } from "vitest";
import { endingOf } from "./words";

const plain = { isEncrypted: true, isRewritten: false };

it.each([
  ["250 2.0.0 Ok: queued [TLSv1.3, verified]", { ...plain, tls: "TLSv1.3, verified" }],
  ["250 2.0.0 Ok [TLSv1.2]", { ...plain, tls: "TLSv1.2" }],
  ["250 2.0.0 Ok [no TLS]", { ...plain, tls: "no TLS", isEncrypted: false }],
  ["250 2.0.0 Ok [TLSv1.3]; From rewritten", { ...plain, tls: "TLSv1.3", isRewritten: true }],
  ["250 2.0.0 [no TLS] Ok [TLSv1.3]", { ...plain, tls: "TLSv1.3" }],
  ["250 2.0.0 [TLSv1.3] Ok", undefined],
  ["250 2.0.0 Ok [127.0.0.1]", undefined],
  ["250 2.0.0 Ok; From rewritten", undefined],
  ["550 5.1.1 no such user", undefined],
])("what we add to %j is %j", (response, expected) => {
  expect(endingOf(response)).toEqual(expected);
});
