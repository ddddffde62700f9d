// Plans by their names for people.
import { msg } from "@lingui/core/macro";
import type { Shown } from "../api/client";
import { say } from "../i18n";

export type Plan = Shown["Account"]["plan"];

const NAMES = { free: msg`Free`, premium: msg`Premium`, business: msg`Business` };

export function planName(plan: Plan): string {
  return say(NAMES[plan]);
}
