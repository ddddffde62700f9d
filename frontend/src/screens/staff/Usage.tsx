// What the account did in the last 7 days, counted: nobody's address, no message.
import { useLingui } from "@lingui/react/macro";
import { dayName } from "../../data/moments";
import { Section } from "../../ui/Page";
import type { Series } from "../../ui/plot/Plot";
import { StackedBars } from "../../ui/plot/StackedBars";
import type { Used } from "./client";

const DAYS = 7;
const DAY = 86_400_000;

export function Usage({ of: usage }: { of: Used[] }) {
  const { t } = useLingui();
  const series: Series[] = [
    { id: "forwarded", title: t`Forwarded`, tone: 1 },
    { id: "refused", title: t`Refused`, tone: 4 },
  ];
  return (
    <Section title={t`Usage`}>
      <StackedBars
        title={t`Deliveries, last 7 days`}
        axis={t`Day`}
        series={series}
        points={daysOf(usage, Date.now())}
      />
    </Section>
  );
}

/** Each day of the last seven, in UTC, the oldest first; the API leaves out those on which nothing happened. */
export function daysOf(usage: Used[], now: number) {
  return Array.from({ length: DAYS }, (_, index) => {
    const day = new Date(now - (DAYS - 1 - index) * DAY).toISOString().slice(0, 10);
    const used = usage.find((each) => each.day === day);
    return { label: dayName(day), values: { forwarded: used?.forwarded ?? 0, refused: used?.refused ?? 0 } };
  });
}
