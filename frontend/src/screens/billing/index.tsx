// The plan, what it allows, what it costs; and what becomes of it next.
import { Trans, useLingui } from "@lingui/react/macro";
import { getRouteApi } from "@tanstack/react-router";
import { $api } from "../../api/client";
import { useSession } from "../../api/session";
import { Loaded } from "../../ui/Loaded";
import { Page, Section } from "../../ui/Page";
import { ChangePlan } from "./ChangePlan";
import { CurrentPlan } from "./CurrentPlan";
import { Plans } from "./Plans";
import { PortalButton } from "./PortalButton";
import { Usage } from "./Usage";
import { WhoCan } from "./WhoCan";

const route = getRouteApi("/billing");

export default function Screen() {
  const { t } = useLingui();
  const session = useSession();
  const { to } = route.useSearch();
  const navigate = route.useNavigate();
  const plans = $api.useQuery("get", "/v1/plans", undefined, { staleTime: 3_600_000 });
  const account = $api.useQuery("get", "/v1/account");
  const isSold = plans.data?.sold === true;
  const reads = isSold && session.can("billing:read");
  const billing = $api.useQuery("get", "/v1/billing", undefined, { enabled: reads });
  const mayChange = session.can("billing:write");
  const close = () =>
    void navigate({ search: (old) => ({ ...old, to: undefined }), replace: true, resetScroll: false });
  return (
    <Page
      title={t`Billing`}
      actions={mayChange && billing.data !== undefined && billing.data.status !== "none" && <PortalButton />}
    >
      <Loaded query={plans}>
        {({ data: offers, sold }) => (
          <Loaded query={account}>
            {({ plan }) => (
              <>
                {sold ? (
                  <CurrentPlan plan={plan} billing={billing.data} offers={offers} />
                ) : (
                  <p className="soft">
                    <Trans>Nothing is sold here: who runs this Clearpost sets the plan.</Trans>
                  </p>
                )}
                {!mayChange && sold && <WhoCan />}
                <Plans offers={offers} current={plan} billing={billing.data} isSold={sold} />
                <Section title={t`Usage`}>
                  <Usage />
                </Section>
                {to !== undefined && mayChange && billing.data !== undefined && (
                  <ChangePlan to={to} offers={offers} billing={billing.data} onClose={close} />
                )}
              </>
            )}
          </Loaded>
        )}
      </Loaded>
    </Page>
  );
}
