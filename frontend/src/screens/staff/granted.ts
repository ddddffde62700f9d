// What staff hold of consent, and the log that it lets them read: shapes by hand, as in client.ts. Each answer of
// the log is a line in its account's audit log: asked once, and not anew by itself.
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import type { Shown } from "../../api/client";
import type { PageOf } from "../../api/lists";
import type { Problem } from "../../api/problem";
import { ask } from "./client";

// As in api/staff_log.py.
export interface GrantedDomain {
  id: string;
  name: string;
}
export interface Grant {
  id: string;
  account_id: string;
  account: string;
  domains: GrantedDomain[] | null;
  reason: string;
  opened_by: string;
  opened_at: string;
  expires_at: string;
}
export type Message = Shown["Message"];
export type GrantedTimeline = Omit<Shown["Timeline"], "unfinished">;
/** `searched_back_to`: how far a search for text came before its time was over. */
export type MessagePage = PageOf<Message> & { searched_back_to: string | null };
/** As the URL has them; the API's names. */
export type Filters = Record<string, string | undefined>;

const GRANTS_EVERY = 10_000;

export const grantsQuery = queryOptions<{ data: Grant[] }, Problem>({
  queryKey: ["staff", "grants"],
  queryFn: () => ask("/grants"),
  refetchInterval: GRANTS_EVERY,
});

export const messagesQuery = (accountId: string, grantId: string | undefined, filters: Filters) =>
  infiniteQueryOptions<
    MessagePage,
    Problem,
    { pages: MessagePage[]; pageParams: unknown[] },
    unknown[],
    string | null
  >({
    queryKey: ["staff", "log", accountId, grantId, filters],
    queryFn: ({ pageParam }) =>
      ask(`${logOf(accountId)}?${asked({ ...filters, grant_id: grantId, cursor: pageParam ?? undefined })}`),
    initialPageParam: null,
    getNextPageParam: (page) => page.next_cursor,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });

export const messageQuery = (accountId: string, grantId: string | undefined, id: string) =>
  queryOptions<GrantedTimeline, Problem>({
    queryKey: ["staff", "message", accountId, grantId, id],
    queryFn: () => ask(`${logOf(accountId)}/${encodeURIComponent(id)}?${asked({ grant_id: grantId })}`),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });

function logOf(accountId: string): string {
  return `/accounts/${encodeURIComponent(accountId)}/log/messages`;
}

function asked(values: Filters): URLSearchParams {
  const given = Object.entries(values).filter((each): each is [string, string] => each[1] !== undefined);
  return new URLSearchParams(given);
}
