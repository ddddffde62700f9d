// The main actions, reachable from everywhere by the palette. Each is a link: `?add=1` opens the form of a list.
// What only makes sense on an open screen is registered there instead (useCommands).
import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type { Scope } from "../api/session";

export interface Action {
  to: string;
  search?: Record<string, string>;
  title: MessageDescriptor;
  keys?: string;
  scope?: Scope;
}

export const ACTIONS: readonly Action[] = [
  { to: "/welcome", title: msg`Set up forwarding step by step`, scope: "domains:write" },
  { to: "/domains", search: { add: "1" }, title: msg`Add a domain`, keys: "n d", scope: "domains:write" },
  { to: "/aliases", search: { add: "1" }, title: msg`Create an alias`, keys: "n a", scope: "aliases:write" },
  { to: "/destinations", search: { add: "1" }, title: msg`Add a destination`, scope: "aliases:write" },
  { to: "/developers/keys", search: { add: "1" }, title: msg`Create an API key`, scope: "account:write" },
  {
    to: "/developers/apps",
    search: { add: "1" },
    title: msg`Register an OAuth app`,
    scope: "account:write",
  },
  { to: "/security", search: { do: "add-passkey" }, title: msg`Add a passkey` },
  { to: "/privacy", search: { do: "policy" }, title: msg`Show what is logged` },
  { to: "/profile", search: { do: "email" }, title: msg`Change your address` },
  { to: "/team", search: { add: "1" }, title: msg`Invite somebody`, scope: "account:write" },
  {
    to: "/support-access",
    search: { do: "let" },
    title: msg`Let our staff read the log`,
    scope: "account:write",
  },
  { to: "/billing", title: msg`Change the plan`, scope: "billing:write" },
];
