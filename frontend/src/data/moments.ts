// Moments and spans in words, by Intl, in the language of the page and the reader's own time zone.
const LANGUAGE = document.documentElement.lang || "en";

const RELATIVE = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto", style: "short" });
const EXACT = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(LANGUAGE, { weekday: "short", day: "numeric", month: "short" });
const DATE = new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "short" });
const TIME = new Intl.DateTimeFormat(LANGUAGE, { timeStyle: "short" });
const STEPS = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
] as const;
const SHORT = { day: "d", hour: "h", minute: "min", second: "s" };
const LONG_AGO = 30 * 86_400;

/** "in 4 min", "2 hr ago", "now"; a date where it is further than a month. */
export function relatively(at: string, now: number): string {
  const seconds = Math.round((Date.parse(at) - now) / 1000);
  if (Math.abs(seconds) > LONG_AGO)
    return new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium" }).format(Date.parse(at));
  if (Math.abs(seconds) < 5) return RELATIVE.format(0, "second");
  const [unit, length] = STEPS.find(([, length]) => Math.abs(seconds) >= length) ?? STEPS[3];
  return RELATIVE.format(Math.trunc(seconds / length), unit);
}

/** The hour that begins then: "15 Nov, 14:00 – 15:00". */
export function hourOf(at: string): string {
  const begins = Date.parse(at);
  return `${DATE.format(begins)}, ${TIME.format(begins)} – ${TIME.format(begins + 3_600_000)}`;
}

export function exactly(at: string): string {
  return EXACT.format(Date.parse(at));
}

/** "22 Dec 2026": for what happens on a day. */
export function dateOf(at: string): string {
  return new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium" }).format(Date.parse(at));
}

/** How long something took: "0.84s", "12s", "2.5m". */
export function took(ms: number): string {
  const isLong = ms >= 120_000;
  const format = new Intl.NumberFormat(LANGUAGE, {
    style: "unit",
    unit: isLong ? "minute" : "second",
    unitDisplay: "narrow",
    maximumSignificantDigits: 2,
  });
  return format.format(ms / (isLong ? 60_000 : 1000));
}

/** A day of the API (2026-11-22, in UTC) as "Sun, 22 Nov". */
export function dayName(day: string): string {
  return DAY.format(new Date(`${day}T12:00:00`));
}

/** The same without its weekday, "22 Nov": for axes. */
export function shortDay(day: string): string {
  return DATE.format(new Date(`${day}T12:00:00`));
}

/** "5 d 3 h", "4 min 10 s", "8 s": two steps at most. `seconds` below 0 count as 0. */
export function span(seconds: number): string {
  let rest = Math.max(0, Math.round(seconds));
  const parts: string[] = [];
  for (const [unit, length] of STEPS) {
    const count = Math.floor(rest / length);
    rest -= count * length;
    if (count > 0) parts.push(`${count} ${SHORT[unit]}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? "0 s" : parts.join(" ");
}
