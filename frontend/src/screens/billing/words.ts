// Limits, intervals and lanes by their names for people.
import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type { Interval, RowId } from "./rows";

export const LIMITS: Record<RowId, MessageDescriptor> = {
  domains: msg`Domains`,
  aliases_per_domain: msg`Aliases per domain`,
  destinations_per_alias: msg`Destinations per alias`,
  forwarded_per_day: msg`Forwarded per day`,
  attachment_bytes: msg`Attachments per message`,
  lane: msg`Lane`,
};

export const LANES: Record<string, MessageDescriptor> = { standard: msg`Standard`, fast: msg`Fast` };

export const EVERY: Record<Interval, MessageDescriptor> = { month: msg`a month`, year: msg`a year` };
