// Who is signed in, where they work, and what they may do there. The API decides anew at each request:
// what is asked here only spares people buttons that would be refused.
import { $api, type Shown } from "./client";

export type Me = Shown["Me"];
export type Role = NonNullable<Me["role"]>;
export type Scope =
  | "domains:read"
  | "domains:write"
  | "aliases:read"
  | "aliases:write"
  | "logs:read"
  | "account:read"
  | "account:write"
  | "billing:read"
  | "billing:write";

// As mailcore's callers.OF_ROLE says.
const READS: Scope[] = ["domains:read", "aliases:read", "logs:read", "account:read"];
const WRITES: Scope[] = ["domains:write", "aliases:write"];
const OF_ROLE: Record<Role, ReadonlySet<Scope>> = {
  viewer: new Set(READS),
  member: new Set([...READS, ...WRITES]),
  admin: new Set([...READS, ...WRITES, "account:write", "billing:read"]),
  owner: new Set([...READS, ...WRITES, "account:write", "billing:read", "billing:write"]),
};
const ORDER: Role[] = ["viewer", "member", "admin", "owner"];

export const meQuery = $api.queryOptions("get", "/v1/me", undefined, { staleTime: 5 * 60_000 });

export interface Session {
  me: Me;
  role: Role | null;
  can: (scope: Scope) => boolean;
  /** Whether the role reaches this one: "admin" is true for owners too. */
  is: (role: Role) => boolean;
  isStaff: boolean;
}

export function sessionOf(me: Me): Session {
  const role = me.role ?? null;
  return {
    me,
    role,
    can: (scope) => role !== null && OF_ROLE[role].has(scope),
    is: (wanted) => role !== null && ORDER.indexOf(role) >= ORDER.indexOf(wanted),
    isStaff: "staff" in me && me.staff === true,
  };
}

/** Inside of the shell, which waits for the answer before it shows anything. */
export function useSession(): Session {
  const { data } = $api.useSuspenseQuery("get", "/v1/me", undefined, { staleTime: 5 * 60_000 });
  return sessionOf(data);
}
