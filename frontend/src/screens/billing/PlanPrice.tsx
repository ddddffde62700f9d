// What a plan costs by the month or the year, and what the year saves.
import { Trans, useLingui } from "@lingui/react/macro";
import { money } from "../../data/figures";
import styles from "./billing.module.css";
import { type Interval, type Offer, priceOf, savedBy } from "./rows";
import { EVERY } from "./words";

export function PlanPrice({ offer, interval }: { offer: Offer; interval: Interval }) {
  const { i18n } = useLingui();
  const price = priceOf(offer, interval);
  const saved = interval === "year" ? savedBy(offer) : undefined;
  if (offer.prices.length === 0) {
    return (
      <span className={styles.price}>
        <Trans>Free of charge</Trans>
      </span>
    );
  }
  if (price === undefined) {
    return (
      <span className={styles.price}>
        <Trans>Not sold so</Trans>
      </span>
    );
  }
  return (
    <span className={styles.price}>
      <strong>{money(price.amount, price.currency)}</strong> {i18n._(EVERY[interval])}
      {saved !== undefined && (
        <>
          {", "}
          <Trans>{saved} less</Trans>
        </>
      )}
    </span>
  );
}
