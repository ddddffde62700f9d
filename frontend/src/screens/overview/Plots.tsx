// The seven days of the log to look at: how much became of what, and how long delivery took.
import { useLingui } from "@lingui/react/macro";
import { shortDay, took } from "../../data/moments";
import { Loaded } from "../../ui/Loaded";
import { Line } from "../../ui/plot/Line";
import type { Series } from "../../ui/plot/Plot";
import { StackedBars } from "../../ui/plot/StackedBars";
import type { useVolume, Volumes } from "./useVolume";
import { speedsOf, volumesOf } from "./week";

type Props = { query: ReturnType<typeof useVolume> };

export function Volume({ query }: Props) {
  const { t } = useLingui();
  const series: Series[] = [
    { id: "delivered", title: t`Delivered`, tone: 1 },
    { id: "waiting", title: t`Waiting`, tone: 2 },
    { id: "hard", title: t`Hard-bounced`, tone: 3 },
    { id: "refused", title: t`Refused`, tone: 4 },
  ];
  return (
    <Loaded query={query} lines={6}>
      {(found) => (
        <StackedBars
          title={t`Last 7 days`}
          axis={t`Day, in UTC`}
          series={series}
          points={volumesOf(found).map(({ day, values }) => ({ label: shortDay(day), values }))}
        />
      )}
    </Loaded>
  );
}

/** Half of the mail is delivered faster than the first line, all but a twentieth faster than the second. */
export function Speed({ query }: Props) {
  return (
    <Loaded query={query} lines={6}>
      {(found) => <SpeedPlot of={found} />}
    </Loaded>
  );
}

function SpeedPlot({ of: found }: { of: Volumes }) {
  const { t } = useLingui();
  const lane = found.speeds[0]?.lane;
  const series: Series[] = [
    { id: "p50", title: t`Half within`, tone: 1 },
    { id: "p95", title: t`95 % within`, tone: 2 },
  ];
  const points = speedsOf(found);
  const newest = points.findLast(({ values }) => values.p50 !== undefined)?.values;
  const title = lane === "fast" ? t`Delivery time, fast lane` : t`Delivery time, standard lane`;
  return (
    <Line
      title={lane === undefined ? t`Delivery time` : title}
      axis={t`Day, in UTC`}
      series={series}
      points={points.map(({ day, values }) => ({ label: shortDay(day), values }))}
      format={took}
      total={({ id }) => {
        const value = newest?.[id];
        return value === undefined ? "–" : took(value);
      }}
    />
  );
}
