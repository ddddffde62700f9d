// How far the first run has come: read from what is there, so that it can be left and taken up anywhere.
import { $api, type Shown } from "../../api/client";
import { type Domain, isReady } from "../domain/health";

export type Alias = Shown["Alias"];

export interface Progress {
  account: Shown["Account"];
  domain: Domain | undefined;
  alias: Alias | undefined;
  /** Has a message arrived before, of this domain? */
  hasDelivered: boolean;
}

interface Found {
  progress: Progress | undefined;
  error: unknown;
  again: () => void;
  /** Asks anew whether a message has arrived. Stable. */
  lookForDelivered: () => void;
}

export function useProgress(wanted: string | undefined): Found {
  const account = $api.useQuery("get", "/v1/account");
  const domains = $api.useQuery("get", "/v1/domains", { params: { query: { limit: 100 } } });
  const domain = chosenOf(domains.data?.data ?? [], wanted);
  const aliases = $api.useQuery(
    "get",
    "/v1/domains/{domain_id}/aliases",
    { params: { path: { domain_id: domain?.id ?? "" }, query: { limit: 1 } } },
    { enabled: domain !== undefined },
  );
  const delivered = $api.useQuery(
    "get",
    "/v1/logs/messages",
    { params: { query: { domain_id: domain?.id ?? null, event: "delivered", limit: 1 } } },
    { enabled: domain !== undefined },
  );
  const all = domain === undefined ? [account, domains] : [account, domains, aliases, delivered];
  const failed = all.find(({ data, error }) => data === undefined && error);
  const again = () => all.map(({ refetch }) => refetch());
  const lookForDelivered = delivered.refetch as () => void;
  if (account.data === undefined || all.some(({ data }) => data === undefined)) {
    return { progress: undefined, error: failed?.error, again, lookForDelivered };
  }
  const progress = {
    account: account.data,
    domain,
    alias: domain && aliases.data?.data[0],
    hasDelivered: domain !== undefined && (delivered.data?.data.length ?? 0) > 0,
  };
  return { progress, error: undefined, again, lookForDelivered };
}

/** The one of the URL; else the first that is not ready yet; else the newest. */
export function chosenOf(domains: Domain[], wanted: string | undefined): Domain | undefined {
  return (
    domains.find(({ id }) => id === wanted) ??
    domains.find((each) => !isReady(each) || each.alias_count === 0) ??
    domains.at(-1)
  );
}

export const STEPS = ["policy", "domain", "records", "alias", "test"] as const;
export type StepId = (typeof STEPS)[number];

/** Mail goes to confirmed destinations, and to those that fail for now. */
export function takesMail(alias: Alias | undefined): boolean {
  return alias?.destinations.some(({ state }) => state === "confirmed" || state === "failing") ?? false;
}

export function isDone({ account, domain, alias, hasDelivered }: Progress, step: StepId): boolean {
  switch (step) {
    case "policy":
      return account.policy_told_at !== null;
    case "domain":
      return domain !== undefined;
    case "records":
      return domain !== undefined && isReady(domain);
    case "alias":
      return takesMail(alias);
    case "test":
      return hasDelivered;
  }
}

/** Whether its time has come: records and alias go side by side, as the DNS takes its time. */
export function isOpen(progress: Progress, step: StepId): boolean {
  switch (step) {
    case "policy":
      return true;
    case "domain":
      return isDone(progress, "policy");
    case "records":
    case "alias":
      return isDone(progress, "domain");
    case "test":
      return progress.alias !== undefined;
  }
}
