// The public pages: made by the API, outside of the portal (api/pages.py names them too). Full loads, not routes.
import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import { type Icon, IconBilling, IconCode, IconDomain, IconInfo } from "../ui/icons";

export interface Outside {
  to: string;
  title: MessageDescriptor;
  icon: Icon;
}

/** What makes our word checkable, by anybody. */
export const OPEN: readonly { to: string; title: MessageDescriptor; about: MessageDescriptor }[] = [];

export const OUTSIDE: readonly Outside[] = [
  { to: "/docs", title: msg`API reference`, icon: IconCode },
  { to: "/status", title: msg`Service status`, icon: IconInfo },
  { to: "/dns-check", title: msg`DNS check of any domain`, icon: IconDomain },
  { to: "/pricing", title: msg`Pricing`, icon: IconBilling },
];

export const leaveFor = (to: string) => window.location.assign(to);
