// What a list of messages holds, and how pages, news and what a reconnect missed are laid together: by id, newest
// first. Must never show a message twice, nor move rows that somebody reads.
import type { Shown } from "../../api/client";

export type Message = Shown["Message"];

export interface Held {
  rows: readonly Message[];
  /** Where the next, older page begins; null: all is here. */
  cursor: string | null;
  /** A search took as long as one may: it came back to here, and goes on when it is asked to. */
  back?: string | null;
}

/** Newest first, as the API orders: by receipt, then by id. */
function order(a: Message, b: Message): number {
  const apart = Date.parse(b.received_at) - Date.parse(a.received_at);
  return apart || b.received_at.localeCompare(a.received_at) || b.id.localeCompare(a.id);
}

/** `found` is the younger knowledge: it wins. */
export function merged(rows: readonly Message[], found: readonly Message[]): readonly Message[] {
  if (found.length === 0) return rows;
  const byId = new Map(rows.map((row) => [row.id, row]));
  for (const each of found) byId.set(each.id, each);
  return [...byId.values()].sort(order);
}

/** News of one message. What lies beyond the last page that was asked for comes with its page. */
export function told(held: Held, message: Message, isWanted: boolean): Held {
  const isHere = held.rows.some(({ id }) => id === message.id);
  if (!isHere && (!isWanted || isSilent(message) || isBeyond(held, message))) return held;
  return { ...held, rows: merged(held.rows, [message]) };
}

/** Its domain's log keeps failures only, and it has not failed: the API lists none of these either. */
function isSilent({ alias, last_event }: Message): boolean {
  return alias === "" && (last_event === "received" || last_event === "delivered");
}

function isBeyond({ rows, cursor }: Held, message: Message): boolean {
  const last = rows.at(-1);
  return cursor !== null && last !== undefined && order(last, message) < 0;
}

export interface View {
  shown: readonly Message[];
  /** Came since the reader left the top: they wait until asked for. */
  fresh: number;
}

/** `seen`: what was on screen when the reader left the top; undefined at the top, where all is shown. */
export function viewOf(rows: readonly Message[], seen: ReadonlySet<string> | undefined): View {
  if (seen === undefined) return { shown: rows, fresh: 0 };
  const end = rows.findLastIndex(({ id }) => seen.has(id)) + 1;
  const above = rows.slice(0, end).filter(({ id }) => seen.has(id));
  return { shown: [...above, ...rows.slice(end)], fresh: end - above.length };
}
