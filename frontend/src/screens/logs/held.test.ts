import { describe, expect, it } from "vitest";
import { type Held, type Message, merged, told, viewOf } from "./held";

function message(number: number, last_event = "received"): Message {
  const at = `2026-11-22T10:00:${String(number).padStart(2, "0")}.000500Z`;
  return {
    id: `id-${number}`,
    received_at: at,
    domain_id: null,
    alias: "hello@shop.test",
    sender: "Ada",
    subject: `Message ${number}`,
    client_ip: "192.0.2.7",
    client_name: "",
    last_event,
    authentication: null,
  };
}

const numbers = (rows: readonly Message[]) => rows.map(({ id }) => Number(id.slice(3)));

describe("merged", () => {
  it("shows each message once, the newest first, as it was told last", () => {
    const rows = merged([message(3), message(1)], [message(2), message(3, "delivered")]);
    expect(numbers(rows)).toEqual([3, 2, 1]);
    expect(rows[0]?.last_event).toBe("delivered");
  });

  it("orders what came in the same millisecond as the API does", () => {
    const early = { ...message(1), received_at: "2026-11-22T10:00:00.000100Z" };
    const late = { ...message(2), received_at: "2026-11-22T10:00:00.000900Z" };
    expect(numbers(merged([early], [late]))).toEqual([2, 1]);
    const same = { ...message(3), received_at: early.received_at };
    expect(numbers(merged([early, late], [same]))).toEqual([2, 3, 1]);
  });
});

describe("told", () => {
  const held: Held = { rows: [message(9), message(5)], cursor: "older" };

  it("adds what is wanted and changes what is here", () => {
    expect(numbers(told(held, message(10), true).rows)).toEqual([10, 9, 5]);
    expect(told(held, message(10), false)).toBe(held);
    expect(told(held, message(5, "delivered"), false).rows[1]?.last_event).toBe("delivered");
  });

  it("leaves what lies beyond the last page to that page", () => {
    expect(told(held, message(2), true)).toBe(held);
    expect(numbers(told({ ...held, cursor: null }, message(2), true).rows)).toEqual([9, 5, 2]);
  });
});

it("a message of which the log says nothing is not listed until it fails", () => {
  const held: Held = { rows: [message(5)], cursor: null };
  const silent = { ...message(9, "delivered"), alias: "", sender: "", subject: "" };
  expect(told(held, silent, true)).toBe(held);
  expect(numbers(told(held, { ...silent, last_event: "soft-bounced" }, true).rows)).toEqual([9, 5]);
});

describe("viewOf", () => {
  const rows = [message(9), message(8), message(7), message(6), message(5)];
  const seen = new Set(["id-8", "id-6"]);

  it("shows all at the top", () => {
    expect(viewOf(rows, undefined)).toEqual({ shown: rows, fresh: 0 });
  });

  it("holds back what came above or between, and shows older pages", () => {
    const view = viewOf(rows, seen);
    expect(numbers(view.shown)).toEqual([8, 6, 5]);
    expect(view.fresh).toBe(2);
  });
});
