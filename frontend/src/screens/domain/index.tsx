// One domain, with its tabs.
import { useLingui } from "@lingui/react/macro";
import { getRouteApi, Outlet } from "@tanstack/react-router";
import { Page } from "../../ui/Page";
import { Tabs } from "../../ui/Tabs";

const route = getRouteApi("/domains/$domainId");

export default function Screen() {
  const { t } = useLingui();
  const params = route.useParams();
  return (
    <Page title={t`Domain`}>
      <Tabs
        label={t`Of this domain`}
        tabs={[
          { to: "/domains/$domainId", params, title: t`Aliases`, exact: true },
          { to: "/domains/$domainId/dns", params, title: t`DNS` },
          { to: "/domains/$domainId/logs", params, title: t`Log` },
          { to: "/domains/$domainId/settings", params, title: t`Settings` },
        ]}
      />
      <Outlet />
    </Page>
  );
}
