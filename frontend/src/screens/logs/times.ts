// Spans of the log as its filter: since and until, absolute, so that a link shows others the same.
export type Span = "any" | "hour" | "day" | "between";

const HOURS = { hour: 1, day: 24 };

export interface Times {
  since?: string | undefined;
  until?: string | undefined;
}

export function spanOf({ since, until }: Times): Span {
  return since === undefined && until === undefined ? "any" : "between";
}

/** What a choice means at the moment it is made, by the minute. */
export function timesOf(span: Span, now: number): Times {
  if (span === "any") return { since: undefined, until: undefined };
  const hours = span === "between" ? HOURS.day : HOURS[span];
  return { since: minute(now - hours * 3_600_000), until: undefined };
}

function minute(at: number): string {
  return `${new Date(Math.floor(at / 60_000) * 60_000).toISOString().slice(0, 16)}:00Z`;
}

/** For a datetime-local field: the reader's own time. */
export function toField(at: string | undefined): string {
  const moment = Date.parse(at ?? "");
  if (Number.isNaN(moment)) return "";
  return new Date(moment - new Date(moment).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function fromField(value: string): string | undefined {
  const moment = Date.parse(value);
  return Number.isNaN(moment) ? undefined : minute(moment);
}
