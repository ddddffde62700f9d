// What keys and apps may, in words. As customers/callers.py has it.
import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type { Shown } from "../api/client";

export type ScopeName = Shown["Scope"];

export interface ScopeRow {
  title: MessageDescriptor;
  words: MessageDescriptor;
  read: ScopeName;
  /** Left out where nothing can be changed. */
  write?: ScopeName;
}

export const SCOPES: readonly ScopeRow[] = [
  {
    title: msg`Domains`,
    words: msg`with their DNS`,
    read: "domains:read",
    write: "domains:write",
  },
  {
    title: msg`Aliases`,
    words: msg`with destinations`,
    read: "aliases:read",
    write: "aliases:write",
  },
  { title: msg`Log`, words: msg`and queue, never content`, read: "logs:read" },
  {
    title: msg`Account`,
    words: msg`members, keys, audit log`,
    read: "account:read",
    write: "account:write",
  },
  { title: msg`Billing`, words: msg`plan and invoices`, read: "billing:read", write: "billing:write" },
];
