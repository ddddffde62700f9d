// Which answers of the API an event makes old. Bursts are gathered: at most one look per kind and second.
import type { QueryClient } from "@tanstack/react-query";
import { type Kind, onNews } from "./live";

const GATHER = 1000;
// Paths by their beginning, as they stand in query keys: ["get", "/v1/domains", ...].
const TOUCHES: Record<Kind, string[]> = {
  // The list of messages takes its news from the event itself (useNews): asked anew it would move under readers.
  log: ["/v1/logs/messages/{message_id}", "/v1/queue", "/v1/usage"],
  queue: ["/v1/queue", "/v1/logs/messages/{message_id}"],
  domain: ["/v1/domains"],
  alias: ["/v1/aliases", "/v1/domains"],
  destination: ["/v1/destinations", "/v1/aliases", "/v1/domains/{domain_id}/aliases"],
  account: [
    "/v1/account",
    "/v1/me",
    "/v1/members",
    "/v1/invitations",
    "/v1/keys",
    "/v1/oauth",
    "/v1/audit",
    "/v1/privacy",
  ],
  plan: [
    "/v1/account",
    "/v1/billing",
    "/v1/usage",
    "/v1/domains",
    "/v1/aliases",
    "/v1/destinations",
    "/v1/queue",
  ],
  support: ["/v1/support", "/v1/account", "/v1/audit", "/v1/privacy"],
  // How far it is; whoever runs one listens.
  export: [],
};

const waiting = new Set<Kind>();
let timer: ReturnType<typeof setTimeout> | undefined;
let last = 0;

/** Once, from main.tsx. */
export function refreshOnNews(queries: QueryClient): () => void {
  return onNews((news) => {
    if (news.kind === "reset") {
      void queries.invalidateQueries();
      return;
    }
    waiting.add(news.kind);
    if (timer === undefined)
      timer = setTimeout(() => flush(queries), Math.max(0, last + GATHER - Date.now()));
  });
}

function flush(queries: QueryClient): void {
  timer = undefined;
  last = Date.now();
  const kinds = [...waiting];
  waiting.clear();
  const touched = kinds.flatMap((kind) => TOUCHES[kind]);
  void queries.invalidateQueries({
    predicate: ({ queryKey: [, path] }) =>
      typeof path === "string" && touched.some((start) => path.startsWith(start)),
  });
}
