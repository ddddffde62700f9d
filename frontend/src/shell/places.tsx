// The places of the portal: what the navigation, the palette and the shortcuts lead to. Paths are in router.tsx.
import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type { Scope, Session } from "../api/session";
import {
  type Icon,
  IconAlias,
  IconBilling,
  IconCode,
  IconDomain,
  IconInbox,
  IconLock,
  IconLog,
  IconOverview,
  IconPerson,
  IconQueue,
  IconShield,
  IconStaff,
  IconTeam,
} from "../ui/icons";

export interface Place {
  to: string;
  title: MessageDescriptor;
  icon: Icon;
  /** Pressed one after the other, anywhere but in a field. */
  keys?: string;
  /** "within": the palette alone leads there; the navigation to what it is within. */
  group: "mail" | "log" | "account" | "you" | "staff" | "within";
  isStaff?: true;
  /** Who lacks it does not see the place. */
  scope?: Scope;
}

export const PLACES: readonly Place[] = [
  { to: "/overview", title: msg`Overview`, icon: IconOverview, keys: "g o", group: "mail" },
  { to: "/domains", title: msg`Domains`, icon: IconDomain, keys: "g d", group: "mail" },
  { to: "/aliases", title: msg`Aliases`, icon: IconAlias, keys: "g a", group: "mail" },
  { to: "/destinations", title: msg`Destinations`, icon: IconInbox, keys: "g i", group: "mail" },
  { to: "/logs", title: msg`Log`, icon: IconLog, keys: "g l", group: "log" },
  { to: "/queue", title: msg`Queue`, icon: IconQueue, keys: "g q", group: "log" },
  { to: "/team", title: msg`Team`, icon: IconTeam, keys: "g t", group: "account" },
  {
    to: "/billing",
    title: msg`Billing`,
    icon: IconBilling,
    keys: "g b",
    group: "account",
    scope: "billing:read",
  },
  { to: "/developers", title: msg`Developers`, icon: IconCode, keys: "g k", group: "account" },
  { to: "/security", title: msg`Security`, icon: IconShield, keys: "g s", group: "account" },
  { to: "/privacy", title: msg`Privacy`, icon: IconLock, keys: "g v", group: "account" },
  { to: "/profile", title: msg`Profile`, icon: IconPerson, keys: "g p", group: "you" },
  { to: "/staff", title: msg`Staff`, icon: IconStaff, keys: "g x", group: "staff", isStaff: true },
  { to: "/developers/apps", title: msg`OAuth apps`, icon: IconCode, group: "within" },
  { to: "/developers/requests", title: msg`API requests`, icon: IconCode, group: "within" },
  { to: "/support-access", title: msg`Support access`, icon: IconLock, group: "within" },
  { to: "/staff/grants", title: msg`Staff: grants held`, icon: IconStaff, group: "within", isStaff: true },
  { to: "/staff/queue", title: msg`Staff: queue health`, icon: IconStaff, group: "within", isStaff: true },
  { to: "/staff/canary", title: msg`Staff: canary`, icon: IconStaff, group: "within", isStaff: true },
  { to: "/staff/audit", title: msg`Staff: service log`, icon: IconStaff, group: "within", isStaff: true },
];

export function placesOf(session: Session): Place[] {
  return PLACES.filter(
    ({ isStaff, scope }) => (!isStaff || session.isStaff) && (scope === undefined || session.can(scope)),
  );
}
