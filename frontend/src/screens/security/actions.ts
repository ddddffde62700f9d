// What the audit log tells of, in words: kinds of things for its filter, and what was done for its lines.
import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";

/** As the API filters by: "alias" is all that happened to aliases. */
export const KINDS: readonly [action: string, words: MessageDescriptor][] = [
  ["account", msg`Account`],
  ["alias", msg`Aliases`],
  ["destination", msg`Destinations`],
  ["domain", msg`Domains`],
  ["queue", msg`Queue`],
  ["member", msg`People`],
  ["invitation", msg`Invitations`],
  ["key", msg`API keys`],
  ["oauth_app", msg`Apps`],
  ["grant", msg`Apps with access`],
  ["passkey", msg`Passkeys`],
  ["identity", msg`Providers`],
  ["plan", msg`Plan`],
  ["support", msg`Support access`],
];

const ID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;

/** "oauth_app.secret_rolled" as "Oauth app secret rolled": the log is the API's, its words stay. */
export function inWords(action: string): string {
  const words = action.replace(/[._]/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** `{"enabled": false}` as "enabled: false". */
export function detailInWords(detail: Record<string, unknown>): string {
  return Object.entries(detail)
    .map(([name, value]) => `${name}: ${Array.isArray(value) ? listInWords(value) : String(value)}`)
    .join("; ");
}

/** Ids say nothing to people: how many there are. */
function listInWords(values: unknown[]): string {
  const areIds = values.every((value) => typeof value === "string" && ID.test(value));
  return areIds ? String(values.length) : values.join(", ");
}
