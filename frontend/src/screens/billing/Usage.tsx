// What is used of the plan: today against its limits, and the days before.
import { Trans, useLingui } from "@lingui/react/macro";
import { $api, type Shown } from "../../api/client";
import { number } from "../../data/figures";
import { shortDay } from "../../data/moments";
import { Loaded } from "../../ui/Loaded";
import { Meter } from "../../ui/plot/Meter";
import type { Series } from "../../ui/plot/Plot";
import { StackedBars } from "../../ui/plot/StackedBars";
import styles from "./billing.module.css";

const DAYS = 30;

export function Usage() {
  const { t } = useLingui();
  const usage = useUsage();
  const series: Series[] = [
    { id: "forwarded", title: t`Forwarded`, tone: 1 },
    { id: "beyond", title: t`Refused for the plan`, tone: 3 },
  ];
  return (
    <>
      <div className={styles.meters}>
        <Meters />
      </div>
      <Loaded query={usage} lines={6}>
        {({ days }) =>
          days.every((day) => day.forwarded === 0 && day.refused_by_plan === 0) ? (
            <p className="soft">
              <Trans>No mail in the last 30 days</Trans>
            </p>
          ) : (
            <StackedBars
              title={t`Last 30 days`}
              axis={t`Day, in UTC`}
              series={series}
              points={days.toReversed().map((day) => ({
                label: shortDay(day.day),
                values: { forwarded: day.forwarded, beyond: day.refused_by_plan },
              }))}
            />
          )
        }
      </Loaded>
    </>
  );
}

function useUsage() {
  return $api.useQuery("get", "/v1/usage", { params: { query: { days: DAYS } } });
}

/** Today's mail, domains, and the domain that is the fullest. */
export function Meters() {
  const { t } = useLingui();
  const usage = useUsage();
  const account = $api.useQuery("get", "/v1/account");
  const domains = $api.useQuery("get", "/v1/domains", { params: { query: { limit: 100 } } });
  const fullest = fullestOf(domains.data?.data ?? []);
  return (
    <Loaded query={account} lines={3}>
      {({ limits, usage: { domains: count, forwarded } }) => (
        <>
          <Meter
            title={t`Forwarded today`}
            value={usage.data?.days[0]?.forwarded ?? forwarded}
            limit={limits.forwarded_per_day}
          />
          <Meter title={t`Domains`} value={count} limit={limits.domains} />
          {fullest !== undefined && (
            <Meter
              title={t`Aliases of ${fullest.name}`}
              value={fullest.alias_count}
              limit={limits.aliases_per_domain}
            />
          )}
          {usage.data !== undefined && <Refused of={usage.data.days} />}
        </>
      )}
    </Loaded>
  );
}

/** Mail that a larger plan would have taken: worth a line only where there was any. */
function Refused({ of: days }: { of: Shown["UsageDay"][] }) {
  const count = days.reduce((sum, { refused_by_plan: each }) => sum + each, 0);
  if (count === 0) return null;
  return (
    <p className={styles.refused}>
      <Trans>{number(count)} refused in 30 days that a larger plan takes</Trans>
    </p>
  );
}

function fullestOf(domains: Shown["Domain"][]): Shown["Domain"] | undefined {
  return domains.reduce<Shown["Domain"] | undefined>(
    (most, each) => (most === undefined || each.alias_count > most.alias_count ? each : most),
    undefined,
  );
}
