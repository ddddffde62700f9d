import { QueryClient } from "@tanstack/react-query";
import { beforeEach, expect, test, vi } from "vitest";
import { undoLast } from "../ui/toasts";
import { change, patch } from "./change";
import { Problem } from "./problem";

interface Alias {
  id: string;
  paused: boolean;
}
const PATH = "/v1/aliases";
const KEY = ["get", PATH, {}, "pages"];
let queries: QueryClient;
const rows = () =>
  queries.getQueryData<{ pages: { data: Alias[] }[] }>(KEY)?.pages.flatMap(({ data }) => data);

beforeEach(() => {
  queries = new QueryClient();
  queries.setQueryData(KEY, {
    pages: [{ data: [{ id: "a", paused: false }] }, { data: [{ id: "b", paused: false }] }],
  });
});

const pause = (run: () => Promise<unknown>, undo = vi.fn(async () => undefined)) => ({
  run,
  undo,
  show: (held: QueryClient, id: string) =>
    patch<Alias>(held, PATH, id, (alias) => ({ ...alias, paused: true })),
  said: (id: string) => `${id} paused`,
  touches: [PATH],
});

test("a change is on screen before the API has answered", async () => {
  let answer: (value: unknown) => void = () => undefined;
  await change(
    queries,
    pause(() => new Promise((done) => (answer = done))),
    "b",
  );
  expect(rows()).toEqual([
    { id: "a", paused: false },
    { id: "b", paused: true },
  ]);
  answer(undefined);
});

test("a change is on screen before the click is over, whatever is being asked", () => {
  void queries
    .fetchQuery({ queryKey: KEY, queryFn: () => new Promise(() => undefined) })
    .catch(() => undefined);
  void change(
    queries,
    pause(() => new Promise(() => undefined)),
    "a",
  );
  expect(rows()?.[0]?.paused).toBe(true);
});

test("an answer from before the change does not take it off the screen, one from after it counts", async () => {
  let answer: (value: unknown) => void = () => undefined;
  await change(
    queries,
    pause(() => new Promise((done) => (answer = done))),
    "a",
  );
  const says = (paused: boolean) => async () => ({ pages: [{ data: [{ id: "a", paused }] }] });
  await queries.fetchQuery({ queryKey: KEY, queryFn: says(false) });
  expect(rows()).toEqual([{ id: "a", paused: true }]);
  answer(undefined);
  await vi.waitFor(() => expect(queries.getQueryState(KEY)?.isInvalidated).toBe(true));
  await queries.fetchQuery({ queryKey: KEY, queryFn: says(false) });
  expect(rows()).toEqual([{ id: "a", paused: false }]);
});

test("a refused change is taken back", async () => {
  const refuse = () => Promise.reject(new Problem(409, "conflict", "No."));
  await change(queries, pause(refuse), "b");
  await vi.waitFor(() => expect(rows()?.[1]?.paused).toBe(false));
});

test("undo asks the API to take it back, and shows it", async () => {
  const what = pause(() => Promise.resolve("done"));
  await change(queries, what, "a");
  expect(undoLast()).toBe(true);
  await vi.waitFor(() => expect(what.undo).toHaveBeenCalledWith("a", "done"));
  expect(rows()?.[0]?.paused).toBe(false);
});

test("what cannot be taken back waits until the time for undo is over", async () => {
  vi.useFakeTimers();
  const run = vi.fn(async () => undefined);
  const remove = {
    run,
    show: (held: QueryClient, id: string) => patch(held, PATH, id, () => null),
    said: () => "gone",
    touches: [PATH],
  };
  await change(queries, remove, "a");
  expect(rows()).toHaveLength(1);
  expect(run).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(8000);
  expect(run).toHaveBeenCalledOnce();

  await change(queries, remove, "b");
  expect(undoLast()).toBe(true);
  await vi.advanceTimersByTimeAsync(8000);
  expect(rows()).toHaveLength(1);
  expect(run).toHaveBeenCalledOnce();
  vi.useRealTimers();
});

test("one thing, and a plain list, are patched as pages are", () => {
  queries.setQueryData(["get", PATH, 1], { id: "a", paused: false });
  queries.setQueryData(["get", PATH, 2], { data: [{ id: "a", paused: false }] });
  patch<Alias>(queries, PATH, "a", (alias) => ({ ...alias, paused: true }));
  expect(queries.getQueryData(["get", PATH, 1])).toEqual({ id: "a", paused: true });
  expect(queries.getQueryData(["get", PATH, 2])).toEqual({ data: [{ id: "a", paused: true }] });
});
