// In place of a button that the plan has no room for: it names the limit, and what lifts it at which price.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { $api } from "../api/client";
import { useSession } from "../api/session";
import { money, number } from "../data/figures";
import { planName } from "../data/plans";
import { LimitNote } from "./notes";

interface Props {
  /** "aliases of shop.test" */
  what: string;
  limit: number;
}

export function UpgradeButton({ what, limit }: Props) {
  const { t } = useLingui();
  const session = useSession();
  const account = $api.useQuery("get", "/v1/account");
  const plans = $api.useQuery("get", "/v1/plans", undefined, { staleTime: 3_600_000 });
  const at = plans.data?.data.findIndex(({ plan }) => plan === account.data?.plan) ?? -1;
  const next = at < 0 ? undefined : plans.data?.data[at + 1];
  const price = next?.prices.find(({ interval }) => interval === "month");
  const count = number(limit);
  if (next === undefined || price === undefined || !session.can("billing:write")) {
    return <LimitNote>{t`All ${count} ${what} are in use.`}</LimitNote>;
  }
  return (
    <Button
      variant="filled"
      renderRoot={(props) => <Link to="/billing" search={{ plan: next.plan }} {...props} />}
    >
      <Trans>
        All {count} {what} in use: {planName(next.plan)} for {money(price.amount, price.currency)} a month
      </Trans>
    </Button>
  );
}
