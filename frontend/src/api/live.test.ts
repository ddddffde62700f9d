import { QueryClient } from "@tanstack/react-query";
import { beforeAll, beforeEach, expect, test, vi } from "vitest";
import { type News, onNews, startLive } from "./live";
import { refreshOnNews } from "./news";

/** A stream that the test writes into. */
class Stream extends EventTarget {
  static readonly CLOSED = 2;
  static all: Stream[] = [];
  readyState = 1;
  onerror: () => void = () => undefined;
  constructor(readonly url: string) {
    super();
    Stream.all.push(this);
  }
  close(): void {
    this.readyState = Stream.CLOSED;
  }
  say(kind: string, lastEventId: string, body: object = {}): void {
    this.dispatchEvent(new MessageEvent(kind, { lastEventId, data: JSON.stringify(body) }));
  }
}

const heard: News[] = [];
const queries = new QueryClient();
const stream = () => {
  const last = Stream.all.at(-1);
  if (last === undefined) throw new Error("no stream");
  return last;
};

beforeAll(() => {
  vi.useFakeTimers();
  Object.assign(window, { EventSource: Stream });
  Object.defineProperty(navigator, "locks", { value: { request: (_: string, lead: () => void) => lead() } });
  startLive();
  startLive();
  onNews((news) => heard.push(news));
  refreshOnNews(queries);
});

beforeEach(() => {
  heard.length = 0;
});

test("a browser has one stream, however often it is started", () => {
  expect(Stream.all.map(({ url }) => url)).toEqual(["/v1/events"]);
});

test("a stream that was answered with an error begins anew after the last event seen", async () => {
  stream().say("log", "id-7", { message: { id: "m" } });
  stream().close();
  stream().onerror();
  await vi.advanceTimersByTimeAsync(3000);
  expect(stream().url).toBe("/v1/events?after=id-7");
  expect(heard).toHaveLength(1);
});

test("a change makes old what it touches, once for a burst", async () => {
  queries.setQueryData(["get", "/v1/domains", {}], { data: [] });
  queries.setQueryData(["get", "/v1/keys", {}], { data: [] });
  const invalidate = vi.spyOn(queries, "invalidateQueries");
  stream().say("domain", "id-8", { subject_id: "d", data: {} });
  stream().say("domain", "id-9", { subject_id: "d", data: {} });
  await vi.advanceTimersByTimeAsync(1500);
  expect(invalidate).toHaveBeenCalledOnce();
  expect(queries.getQueryState(["get", "/v1/domains", {}])?.isInvalidated).toBe(true);
  expect(queries.getQueryState(["get", "/v1/keys", {}])?.isInvalidated).toBe(false);
});

test("where too much was missed everything is old", () => {
  stream().say("reset", "id-10");
  expect(queries.getQueryState(["get", "/v1/keys", {}])?.isInvalidated).toBe(true);
});
