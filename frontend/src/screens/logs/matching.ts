// Whether a message that just came belongs in a list, by the rules of the API (mailcore's log_reader).
import type { Shown } from "../../api/client";

export interface LogFilter {
  q?: string | undefined;
  domain_id?: string | undefined;
  alias?: string | undefined;
  event?: Shown["Event"]["type"] | undefined;
  since?: string | undefined;
  until?: string | undefined;
  dmarc?: "pass" | "fail" | "none" | undefined;
  sender?: string | undefined;
}

/** `type`: of the event that brought it. */
export function matches(filter: LogFilter, message: Shown["Message"], type: Shown["Event"]["type"]): boolean {
  const at = Date.parse(message.received_at);
  return (
    (filter.domain_id === undefined || message.domain_id === filter.domain_id) &&
    (filter.event === undefined || type === filter.event) &&
    (filter.since === undefined || at >= Date.parse(filter.since)) &&
    (filter.until === undefined || at < Date.parse(filter.until)) &&
    (filter.dmarc === undefined || message.authentication?.dmarc === filter.dmarc) &&
    (filter.sender === undefined || addressIn(message.sender) === addressIn(filter.sender)) &&
    (filter.alias === undefined || isOf(filter.alias, message.alias)) &&
    (filter.q === undefined || holds(message, filter.q))
  );
}

/** Of "Ada <ada@example.com>". */
function addressIn(from: string): string {
  return (from.match(/<([^<>]*)>[^<>]*$/)?.[1] ?? from).trim().toLowerCase();
}

/** An address stands for itself with any tag, too. */
function isOf(alias: string, written: string): boolean {
  if (written === alias) return true;
  const at = alias.lastIndexOf("@");
  return at > 0 && written.startsWith(`${alias.slice(0, at)}+`) && written.endsWith(alias.slice(at));
}

function holds({ subject, sender, alias }: Shown["Message"], q: string): boolean {
  const wanted = q.toLowerCase();
  return [subject, sender, alias].some((each) => each.toLowerCase().includes(wanted));
}
