// What our own staff ask of the API: its shapes by hand, as the public document leaves them out, and a session of
// its own. Must never be imported by another screen.
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import type { Shown } from "../../api/client";
import type { PageOf } from "../../api/lists";
import { type Problem, problemOf, readProblem } from "../../api/problem";
import { queries } from "../../api/queries";
import { markAway, markHere } from "../../api/reach";

// As in api/staff.py.
export const REASONS = ["spam", "phishing", "malware", "fraud", "compromised", "legal"] as const;
export type Reason = (typeof REASONS)[number];
export interface StaffMe {
  id: string;
  email: string;
  signed_in_at: string;
}
export interface Found {
  id: string;
  name: string;
  plan: Shown["Account"]["plan"];
  created_at: string;
  suspended_at: string | null;
}
export interface Used {
  day: string;
  forwarded: number;
  refused: number;
  bytes: number;
}
export interface Paid {
  status: string;
  plan: Found["plan"] | null;
  interval: string | null;
  amount_monthly: number;
  currency: string;
  period_end: string | null;
  cancel_at: string | null;
  past_due_since: string | null;
  disputed: boolean;
}
export interface Overview {
  account: Found;
  suspended: Shown["Account"]["suspended"];
  limits: Shown["Limits"];
  subscription: Paid | null;
  owners: string[];
  usage: Used[];
  policy_told_at: string | null;
  members: number;
  domains: number;
  verified: number;
  waiting: Record<string, number>;
  forwarded: number;
  refused: number;
}
export interface LaneHealth {
  lane: "standard" | "fast";
  waiting: number;
  in_progress: number;
  held: number;
  deferred: number;
  oldest_seconds: number;
  late_seconds: number;
}
export interface ProviderHealth {
  /** Empty for those together that few accounts send to. */
  provider: string;
  waiting: number;
  deferred: number;
  oldest_seconds: number;
  paused_until: string | null;
}
export interface QueueHealth {
  lanes: LaneHealth[];
  providers: ProviderHealth[];
}
export type Audit = Shown["Audit"];

const ME = ["staff", "me"];
const QUEUE_EVERY = 10_000;

/** Throws Problem. A staff session that has ended shows the sign-in in place of what was open. */
export async function ask<Answer>(path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`/staff/v1${path}`, init).catch((error) => {
    markAway();
    throw problemOf(error);
  });
  if (response.ok) {
    markHere();
    return (response.status === 204 ? undefined : await response.json()) as Answer;
  }
  const problem = await readProblem(response);
  if (problem.isAway) markAway();
  if (problem.code === "unauthorized" && path !== "/me") void queries.resetQueries({ queryKey: ME });
  throw problem;
}

export function send<Answer>(method: "POST" | "DELETE", path: string, body: object = {}): Promise<Answer> {
  return ask(path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

export const meQuery = queryOptions<StaffMe, Problem>({
  queryKey: ME,
  queryFn: () => ask("/me"),
  staleTime: 5 * 60_000,
});

export const foundQuery = (q: string) =>
  queryOptions<{ data: Found[] }, Problem>({
    queryKey: ["staff", "accounts", q],
    queryFn: () => ask(`/accounts?${new URLSearchParams({ q })}`),
    enabled: q.length >= 2,
  });

/** Each look is a line in the account's audit log: one look for one opening. */
export const overviewQuery = (id: string) =>
  queryOptions<Overview, Problem>({
    queryKey: ["staff", "account", id],
    queryFn: () => ask(`/accounts/${encodeURIComponent(id)}`),
    staleTime: 60_000,
  });

export const queueQuery = queryOptions<QueueHealth, Problem>({
  queryKey: ["staff", "queue"],
  queryFn: () => ask("/queue"),
  refetchInterval: QUEUE_EVERY,
});

export const auditQuery = infiniteQueryOptions<
  PageOf<Audit>,
  Problem,
  { pages: PageOf<Audit>[]; pageParams: unknown[] },
  string[],
  string | null
>({
  queryKey: ["staff", "audit"],
  queryFn: ({ pageParam }) =>
    ask(`/audit?${new URLSearchParams(pageParam === null ? {} : { cursor: pageParam })}`),
  initialPageParam: null,
  getNextPageParam: (page) => page.next_cursor,
  staleTime: 0,
});
