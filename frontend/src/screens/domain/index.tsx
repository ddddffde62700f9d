// One domain, with its tabs.
import { useLingui } from "@lingui/react/macro";
import { getRouteApi, Link, Outlet } from "@tanstack/react-router";
import { Loaded } from "../../ui/Loaded";
import { Page } from "../../ui/Page";
import { Tabs } from "../../ui/Tabs";
import { DomainBadge } from "./DomainBadge";
import { DomainNotes } from "./DomainNotes";
import { useDomainQuery } from "./useDomain";

const route = getRouteApi("/domains/$domainId");

export default function Screen() {
  const { t } = useLingui();
  const params = route.useParams();
  const query = useDomainQuery();
  const domain = query.data;
  return (
    <Page
      title={domain?.name ?? t`Domain`}
      mark={domain && <DomainBadge domain={domain} />}
      above={<Link to="/domains">{t`Domains`}</Link>}
    >
      <Loaded query={query}>
        {(found) => (
          <>
            <DomainNotes domain={found} />
            <Tabs
              label={t`Of this domain`}
              tabs={[
                {
                  to: "/domains/$domainId",
                  params,
                  title: t`Aliases`,
                  exact: true,
                  count: found.alias_count,
                },
                { to: "/domains/$domainId/dns", params, title: t`DNS` },
                { to: "/domains/$domainId/logs", params, title: t`Log` },
                { to: "/domains/$domainId/settings", params, title: t`Settings` },
              ]}
            />
            <Outlet />
          </>
        )}
      </Loaded>
    </Page>
  );
}
