// The days of the log as plots want them: one step for each, also where nothing was.
import type { Volumes } from "./useVolume";

export interface Step {
  day: string;
  values: Record<string, number | undefined>;
}

/** What was put off waits like what was not tried yet: both are still on their way. */
export function volumesOf({ data }: Volumes): Step[] {
  return data.map((each) => ({
    day: dayOf(each.at),
    values: {
      delivered: each.delivered,
      waiting: each.soft_bounced + each.waiting,
      hard: each.hard_bounced,
      refused: each.refused,
    },
  }));
}

/** In ms. A day on which nothing was delivered has no values. */
export function speedsOf({ data, speeds }: Volumes): Step[] {
  return data.map(({ at }) => {
    const speed = speeds.find(({ day }) => day === dayOf(at));
    return { day: dayOf(at), values: { p50: speed?.p50_ms, p95: speed?.p95_ms } };
  });
}

/** Days are those of UTC, as the API counts. */
function dayOf(at: string): string {
  return new Date(at).toISOString().slice(0, 10);
}
