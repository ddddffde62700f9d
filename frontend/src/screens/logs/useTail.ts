// A tail in a component, and the place in it that a reader has: at the top new rows appear, elsewhere they wait.
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import type { List } from "../../api/lists";
import { type News, useLive, useNews } from "../../api/live";
import { useReach } from "../../api/reach";
import { type Held, type Message, type View, viewOf } from "./held";
import type { LogFilter } from "./matching";
import { Tail } from "./tail";

/** For the way back to a list: what it held is on screen at once, and caught up with. */
const left = new Map<string, Held>();
const MOST_LEFT = 10;

export interface Tailed extends List<Message> {
  /** How far back a search came before its time was over; null: as far as there is any. */
  back: string | null;
}

export function useTail(filter: LogFilter): Tailed {
  const name = JSON.stringify(filter);
  const tail = useMemo(() => new Tail(JSON.parse(name) as LogFilter, left.get(name)), [name]);
  const state = useSyncExternalStore(tail.subscribe, () => tail.state);
  useEffect(() => {
    void tail.catchUp();
    return () => leave(name, tail.state.held);
  }, [name, tail]);
  useNews(
    useCallback(
      (news: News) => {
        if (news.kind === "log") tail.hear(news.body);
        if (news.kind === "reset") void tail.catchUp();
      },
      [tail],
    ),
  );
  useReturn(tail.catchUp);
  const before = useRef<readonly Message[] | undefined>(undefined);
  const rows = state.held?.rows ?? before.current;
  before.current = rows;
  return {
    rows: (rows ?? []) as Message[],
    isPending: rows === undefined && state.problem === null,
    isStale: state.held === undefined,
    problem: state.held === undefined ? state.problem : null,
    hasMore: state.held !== undefined && state.held.cursor !== null,
    more: () => void tail.more(),
    isMore: state.isMore,
    again: () => void tail.begin(),
    back: state.held?.back ?? null,
  };
}

function leave(name: string, held: Held | undefined): void {
  left.delete(name);
  if (held !== undefined) left.set(name, held);
  const [oldest] = left.keys();
  if (left.size > MOST_LEFT && oldest !== undefined) left.delete(oldest);
}

/** Runs each time that the API and its stream are both there again. */
function useReturn(run: () => unknown): void {
  const reach = useReach();
  const isHere = useLive() === "live" && reach === "here";
  const wasHere = useRef(isHere);
  useEffect(() => {
    if (isHere && !wasHere.current) void run();
    wasHere.current = isHere;
  }, [isHere, run]);
}

export interface Place extends View {
  /** Shows what waited, and goes to the top. */
  toTop: () => void;
}

interface Seen {
  list: string;
  ids: ReadonlySet<string>;
}

/** `list` names what is listed: of another nothing was seen. `isBusy`: somebody walks through the rows. */
export function usePlace(list: string, rows: readonly Message[], isBusy: boolean): Place {
  const isAtTop = useIsAtTop() && !isBusy;
  const [seen, setSeen] = useState<Seen>();
  const latest = useRef(rows);
  latest.current = rows;
  useEffect(() => {
    setSeen(isAtTop ? undefined : seenOf(list, latest.current));
  }, [isAtTop, list]);
  const ids = isAtTop || seen?.list !== list ? undefined : seen.ids;
  const view = useMemo(() => viewOf(rows, ids), [rows, ids]);
  // Older pages that were asked for have been seen too.
  useEffect(() => {
    if (ids !== undefined && view.shown.some(({ id }) => !ids.has(id))) setSeen(seenOf(list, view.shown));
  }, [list, ids, view]);
  const toTop = () => {
    setSeen(seenOf(list, latest.current));
    window.scrollTo({ top: 0 });
  };
  return { ...view, toTop };
}

function seenOf(list: string, rows: readonly Message[]): Seen {
  return { list, ids: new Set(rows.map(({ id }) => id)) };
}

const EDGE = 4;

function useIsAtTop(): boolean {
  return useSyncExternalStore(
    (run) => {
      window.addEventListener("scroll", run, { passive: true });
      return () => window.removeEventListener("scroll", run);
    },
    () => window.scrollY <= EDGE,
  );
}
