// Many aliases changed in parts: how far it is, what became of each, and the way back.
import { api, type Shown } from "../../../api/client";

export type Result = Shown["Result"];
export type Match = Shown["AliasMatch"];
export type Item = Shown["BulkNew"]["items"][number];
/** `change`: what all of them become. */
export type Act = { kind: "change"; change: Shown["AliasPatch"] } | { kind: "delete" };
/** Those that were chosen one by one; or all that match, however many there are. */
export type Target = { ids: string[] } | { match: Match };

/** Small enough that the bar moves, and that nobody else of the account waits long. */
export const PART = 250;
const MOST = 1000;

export interface Watch {
  /** After each part. */
  onPart: (done: Result[], total: number) => void;
  /** Ends it between two parts; what was done stays done. */
  signal: AbortSignal;
}

export async function runBulk(target: Target, act: Act, watch: Watch): Promise<void> {
  if ("ids" in target)
    return runItems(
      target.ids.map((id) => itemOf(id, act)),
      watch,
    );
  if (act.kind === "change") return changeMatching(target.match, act.change, watch);
  const ids = await idsOf(target.match, watch.signal);
  return runItems(
    ids.map((id) => itemOf(id, act)),
    watch,
  );
}

export async function runItems(items: Item[], { onPart, signal }: Watch): Promise<void> {
  for (let at = 0; at < items.length && !signal.aborted; at += PART) {
    const body = { items: items.slice(at, at + PART), dry_run: false, all_or_nothing: false };
    const { data } = await api.POST("/v1/aliases/bulk", { body });
    onPart(data?.results ?? [], items.length);
  }
}

async function changeMatching(match: Match, change: Shown["AliasPatch"], watch: Watch): Promise<void> {
  let cursor: string | null = null;
  let done = 0;
  do {
    const page: Shown["Match"] = await askMatching({ match, change, cursor, limit: PART, dry_run: false });
    done += page.results.length;
    watch.onPart(page.results, done + page.left);
    cursor = page.next_cursor;
  } while (cursor !== null && !watch.signal.aborted);
}

/** How many there are to change. */
export async function countOf(match: Match): Promise<number> {
  const page = await askMatching({ match, change: {}, cursor: null, limit: 1, dry_run: true });
  return page.results.length + page.left;
}

async function idsOf(match: Match, signal: AbortSignal): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Shown["Match"] = await askMatching({ match, change: {}, cursor, limit: MOST, dry_run: true });
    ids.push(...page.results.flatMap(({ id }) => id ?? []));
    cursor = page.next_cursor;
  } while (cursor !== null && !signal.aborted);
  return ids;
}

async function askMatching(body: Omit<Shown["MatchNew"], "all_or_nothing">): Promise<Shown["Match"]> {
  const answer = await api.POST("/v1/aliases/bulk-change", { body: { ...body, all_or_nothing: false } });
  return answer.data as Shown["Match"];
}

function itemOf(id: string, act: Act): Item {
  return act.kind === "delete" ? { action: "delete", id } : { action: "change", id, ...act.change };
}

/** What takes back all that was done: a deleted alias comes again, a new one goes. */
export function undoOf(results: Result[]): Item[] {
  return results.flatMap(({ action, code, id, before }): Item[] => {
    if (code !== null) return [];
    if (action === "create") return id === null ? [] : [{ action: "delete", id }];
    if (before === null) return [];
    const { destinations, note, enabled } = before;
    if (action === "delete") return [{ action: "create", ...before }];
    return id === null ? [] : [{ action: "change", id, destinations, note, enabled }];
  });
}

export function isRefused({ code }: Result): boolean {
  return code !== null;
}
