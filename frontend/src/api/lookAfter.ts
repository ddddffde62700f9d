// What ends by itself is asked for anew when it has: by the clock of this machine, which may be wrong, so again
// until the API agrees.
import { useEffect } from "react";

const A_MOMENT = 1000;
const AGAIN_AFTER = 10_000;
// Timers of browsers hold 24 days; what is further away is asked for once more in between.
const LONGEST = 86_400_000;

/** Runs `look` (stable) once `moment` is over; after each look that `lookedAt` tells of, if it still says so. */
export function useLookAfter(
  moment: string | null | undefined,
  lookedAt: unknown,
  look: () => unknown,
): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: each look is a reason to begin anew
  useEffect(() => {
    if (moment == null) return;
    const left = Date.parse(moment) - Date.now();
    const timer = setTimeout(() => void look(), left > 0 ? Math.min(left + A_MOMENT, LONGEST) : AGAIN_AFTER);
    return () => clearTimeout(timer);
  }, [moment, lookedAt, look]);
}
