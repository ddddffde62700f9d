// The plans beside each other, as the server enforces them; on phones below each other.
import { useLingui } from "@lingui/react/macro";
import { SegmentedControl } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { getRouteApi } from "@tanstack/react-router";
import { type Plan, planName } from "../../data/plans";
import { Section } from "../../ui/Page";
import { NARROW } from "../../ui/table/DataTable";
import styles from "./billing.module.css";
import type { Billing } from "./orders";
import { PlanButton } from "./PlanButton";
import { PlanPrice } from "./PlanPrice";
import { type Interval, type Offer, type Row, rowsOf } from "./rows";
import { LANES, LIMITS } from "./words";

export interface PlansProps {
  offers: Offer[];
  current: Plan;
  billing: Billing | undefined;
  isSold: boolean;
}

const route = getRouteApi("/billing");

export function Plans({ isSold, ...props }: PlansProps) {
  const { t } = useLingui();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const isNarrow = useMediaQuery(NARROW, false, { getInitialValueInEffect: false });
  const interval = search.interval ?? props.billing?.interval ?? "month";
  const choose = (chosen: string) =>
    void navigate({
      search: (old) => ({ ...old, interval: chosen as Interval }),
      replace: true,
      resetScroll: false,
    });
  const shared = {
    ...props,
    isSold,
    interval,
    wanted: search.plan,
    rows: rowsOf(props.offers, props.current),
  };
  return (
    <Section
      title={t`Plans`}
      actions={
        isSold && (
          <SegmentedControl
            size="xs"
            aria-label={t`Pay`}
            value={interval}
            onChange={choose}
            data={[
              { value: "month", label: t`Monthly` },
              { value: "year", label: t`Yearly` },
            ]}
          />
        )
      }
    >
      {isNarrow ? <Below {...shared} /> : <Beside {...shared} />}
    </Section>
  );
}

type Shared = PlansProps & { interval: Interval; wanted: Plan | undefined; rows: Row[] };

function Beside({ offers, current, billing, isSold, interval, wanted, rows }: Shared) {
  const { t, i18n } = useLingui();
  return (
    <table className={styles.plans} aria-label={t`Plans compared`}>
      <thead>
        <tr>
          <th scope="col">
            <span className="sr-only">{t`Limit`}</span>
          </th>
          {offers.map((offer) => (
            <th key={offer.plan} scope="col" data-wanted={offer.plan === wanted}>
              <span className={styles.name}>{planName(offer.plan)}</span>
              {isSold && <PlanPrice offer={offer} interval={interval} />}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(({ id, cells }) => (
          <tr key={id}>
            <th scope="row">{i18n._(LIMITS[id])}</th>
            {cells.map((cell) => (
              <td key={cell.plan} data-differs={cell.differs} data-wanted={cell.plan === wanted}>
                <Value id={id} text={cell.text} />
              </td>
            ))}
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <td />
          {offers.map(({ plan }) => (
            <td key={plan} data-wanted={plan === wanted}>
              <PlanButton {...{ plan, current, billing, interval, isSold, wanted }} />
            </td>
          ))}
        </tr>
      </tfoot>
    </table>
  );
}

function Below({ offers, current, billing, isSold, interval, wanted, rows }: Shared) {
  const { i18n } = useLingui();
  return (
    <ul className={styles.cards}>
      {offers.map((offer) => (
        <li key={offer.plan} data-wanted={offer.plan === wanted}>
          <h3>{planName(offer.plan)}</h3>
          {isSold && <PlanPrice offer={offer} interval={interval} />}
          <dl>
            {rows.map(({ id, cells }) => {
              const cell = cells.find(({ plan }) => plan === offer.plan);
              return (
                <div key={id}>
                  <dt>{i18n._(LIMITS[id])}</dt>
                  <dd data-differs={cell?.differs}>
                    <Value id={id} text={cell?.text ?? ""} />
                  </dd>
                </div>
              );
            })}
          </dl>
          <PlanButton {...{ plan: offer.plan, current, billing, interval, isSold, wanted }} />
        </li>
      ))}
    </ul>
  );
}

function Value({ id, text }: { id: Row["id"]; text: string }) {
  const { i18n } = useLingui();
  const lane = LANES[text];
  return id === "lane" && lane !== undefined ? i18n._(lane) : text;
}
