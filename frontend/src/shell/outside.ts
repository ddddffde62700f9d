// The public pages: made by the API, outside of the portal (api/pages.py names them too). Full loads, not routes.
import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import { type Icon, IconBilling, IconCode, IconDomain, IconInfo, IconShield } from "../ui/icons";

export interface Outside {
  to: string;
  title: MessageDescriptor;
  icon: Icon;
}

export const OUTSIDE: readonly Outside[] = [
  { to: "/docs", title: msg`API reference`, icon: IconCode },
  { to: "/status", title: msg`Service status`, icon: IconInfo },
  { to: "/dns-check", title: msg`DNS check of any domain`, icon: IconDomain },
  { to: "/pricing", title: msg`Pricing`, icon: IconBilling },
];

/** What makes our word checkable: the palette leads there, and the privacy screen. */
export const CHECKABLE: readonly Outside[] = [
  { to: "/policy", title: msg`Policy`, icon: IconShield },
  { to: "/statements", title: msg`Signed statements`, icon: IconShield },
  { to: "/canary", title: msg`Warrant canary`, icon: IconShield },
  { to: "/transparency", title: msg`Transparency`, icon: IconShield },
];

export const leaveFor = (to: string) => window.location.assign(to);
