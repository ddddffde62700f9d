// Who is signed in, where they work, and what they may do there. The API decides anew at each request:
// what is asked here only spares people buttons that would be refused.
import { $api, type Shown } from "./client";

export type Me = Shown["Me"];
export type Role = NonNullable<Me["role"]>;
export type Scope = Me["scopes"][number];

const ORDER: Role[] = ["viewer", "member", "admin", "owner"];

export const meQuery = $api.queryOptions("get", "/v1/me", undefined, { staleTime: 5 * 60_000 });

export interface Session {
  me: Me;
  role: Role | null;
  can: (scope: Scope) => boolean;
  /** Whether the role reaches this one: "admin" is true for owners too. */
  is: (role: Role) => boolean;
  isStaff: boolean;
  /** Whether the sign-in is young enough for what takes one of the last minutes. */
  isFresh: () => boolean;
}

export function sessionOf(me: Me): Session {
  const role = me.role ?? null;
  return {
    me,
    role,
    can: (scope) => me.scopes.includes(scope),
    is: (wanted) => role !== null && ORDER.indexOf(role) >= ORDER.indexOf(wanted),
    isStaff: me.is_staff,
    isFresh: () => Date.parse(me.fresh_until) > Date.now(),
  };
}

/** Inside of the shell, which waits for the answer before it shows anything. */
export function useSession(): Session {
  const { data } = $api.useSuspenseQuery("get", "/v1/me", undefined, { staleTime: 5 * 60_000 });
  return sessionOf(data);
}
