// A request that works as it is pasted into a shell: one that this key may make.
import type { ScopeName } from "../../data/scopes";

// The first that its scopes open. A key that is limited to some domains sees nothing of the account.
const READS: readonly { scope: ScopeName; path: string; isWhole: boolean }[] = [
  { scope: "aliases:read", path: "/v1/aliases", isWhole: false },
  { scope: "domains:read", path: "/v1/domains", isWhole: false },
  { scope: "logs:read", path: "/v1/messages", isWhole: false },
  { scope: "account:read", path: "/v1/account", isWhole: true },
  { scope: "billing:read", path: "/v1/billing", isWhole: true },
];

export interface Holder {
  scopes: readonly ScopeName[];
  domain_ids: string[] | null;
}

/** Null for a key that may read nothing. `secret`: the key itself, or a shell variable with it. */
export function curlExample(key: Holder, secret: string, origin: string): string | null {
  const found = READS.find(
    ({ scope, isWhole }) => key.scopes.includes(scope) && !(isWhole && key.domain_ids !== null),
  );
  if (found === undefined) return null;
  return `curl -H "Authorization: Bearer ${secret}" \\\n  ${origin}${found.path}`;
}
