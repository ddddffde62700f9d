// What concerns the whole account, above each screen: a silence of the API, suspension, payment, surplus.
import { Plural, Trans } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { $api, type Shown } from "../api/client";
import { useLive } from "../api/live";
import { useLookAfter } from "../api/lookAfter";
import { askNow, useReach } from "../api/reach";
import { Banner } from "../ui/Banner";
import { When } from "../ui/When";

export function Banners() {
  const reach = useReach();
  const { data: account, dataUpdatedAt, refetch } = $api.useQuery("get", "/v1/account");
  useLookAfter(account?.support_until, dataUpdatedAt, refetch);
  return (
    <>
      {reach === "away" ? <ApiAway /> : <LiveLost />}
      {account && <Suspended account={account} />}
      {account && <Payment account={account} />}
      {account && <Surplus account={account} />}
      {account?.support_until && <Support until={account.support_until} />}
    </>
  );
}

function ApiAway() {
  const again = (
    <Button size="xs" onClick={() => void askNow()}>
      <Trans>Try now</Trans>
    </Button>
  );
  return (
    <Banner tone="warn" action={again}>
      <Trans>
        Clearpost does not answer. What you see may be old; we keep trying. Your mail is not affected.
      </Trans>
    </Banner>
  );
}

function LiveLost() {
  if (useLive() !== "lost") return null;
  return (
    <Banner tone="warn">
      <Trans>Live updates are interrupted. We are reconnecting, and will show what was missed.</Trans>
    </Banner>
  );
}

interface Props {
  account: Shown["Account"];
}

function Suspended({ account: { suspended } }: Props) {
  if (suspended === null) return null;
  const isRefused = new Date(suspended.refused_from) <= new Date();
  return (
    <Banner tone="bad">
      <Trans>This account is suspended: {suspended.explanation}.</Trans>{" "}
      {isRefused ? (
        <Trans>Mail to it is refused.</Trans>
      ) : (
        <Trans>
          Mail to it is put off, and refused <When at={suspended.refused_from} />.
        </Trans>
      )}{" "}
      <Trans>The letter to its owners says what to do.</Trans>
    </Banner>
  );
}

function Payment({ account: { payment_failing_since: since, plan_ends_at: ends } }: Props) {
  if (since === null) return null;
  const pay = (
    <Link to="/billing">
      <Trans>Update the payment</Trans>
    </Link>
  );
  return (
    <Banner tone="bad" action={pay}>
      {ends === null ? (
        <Trans>A payment fails. Please update how you pay.</Trans>
      ) : (
        <Trans>
          A payment fails. Without it the plan ends <When at={ends} />.
        </Trans>
      )}
    </Banner>
  );
}

/** Gone once the API says so: the time of this machine may be wrong. */
function Support({ until }: { until: string }) {
  const see = (
    <Link to="/support-access">
      <Trans>See or end it</Trans>
    </Link>
  );
  return (
    <Banner tone="warn" action={see}>
      <Trans>
        Our staff may read your log, as your team has let them. This ends <When at={until} />
      </Trans>
    </Banner>
  );
}

function Surplus({ account: { surplus_pauses_at: at, limits } }: Props) {
  if (at === null) return null;
  const plans = (
    <Link to="/billing">
      <Trans>See plans</Trans>
    </Link>
  );
  return (
    <Banner tone="warn" action={plans}>
      {new Date(at) <= new Date() ? (
        <Trans>What your plan has no room for is paused. Nothing was deleted.</Trans>
      ) : (
        <Trans>
          Your plan has room for <Plural value={limits.domains} one="# domain" other="# domains" />. What is
          more pauses <When at={at} />; nothing is deleted.
        </Trans>
      )}
    </Banner>
  );
}
