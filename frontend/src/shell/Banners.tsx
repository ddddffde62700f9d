// What concerns the whole account, above each screen: a silence of the API, payment, surplus.
import { Plural, Trans } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { $api } from "../api/client";
import { useLive } from "../api/live";
import { askNow, useReach } from "../api/reach";
import { useSession } from "../api/session";
import { Banner } from "../ui/Banner";
import { When } from "../ui/When";

export function Banners() {
  const reach = useReach();
  return (
    <>
      {reach === "away" ? <ApiAway /> : <LiveLost />}
      <Payment />
      <Surplus />
    </>
  );
}

function ApiAway() {
  return (
    <Banner
      tone="warn"
      action={
        <Button size="xs" onClick={() => void askNow()}>
          <Trans>Try now</Trans>
        </Button>
      }
    >
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

function Payment() {
  const session = useSession();
  const may = session.can("billing:read");
  const billing = $api.useQuery("get", "/v1/billing", undefined, {
    enabled: may,
    throwOnError: false,
    retry: false,
  });
  const { past_due_since: since, plan_ends_at: ends } = billing.data ?? {};
  if (!since) return null;
  return (
    <Banner
      tone="bad"
      action={
        <Link to="/billing">
          <Trans>Update the payment</Trans>
        </Link>
      }
    >
      {ends ? (
        <Trans>
          A payment failed. Your plan stays until <When at={ends} />.
        </Trans>
      ) : (
        <Trans>A payment failed. Please update how you pay.</Trans>
      )}
    </Banner>
  );
}

function Surplus() {
  const { data } = $api.useQuery("get", "/v1/account");
  const at = data?.surplus_pauses_at;
  if (!data || !at) return null;
  const isOver = new Date(at) <= new Date();
  const count = data.limits.domains;
  return (
    <Banner
      tone="warn"
      action={
        <Link to="/billing">
          <Trans>See plans</Trans>
        </Link>
      }
    >
      {isOver ? (
        <Trans>What your plan has no room for is paused. Nothing was deleted.</Trans>
      ) : (
        <Trans>
          Your plan has room for <Plural value={count} one="# domain" other="# domains" />. The rest pauses{" "}
          <When at={at} />; nothing is deleted.
        </Trans>
      )}
    </Banner>
  );
}
