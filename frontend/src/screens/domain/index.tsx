// One domain, with its tabs.
import { useLingui } from "@lingui/react/macro";
import { getRouteApi, Link, Outlet, useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import { type Command, useCommands } from "../../shell/commands";
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
  useDomainCommands(params.domainId, domain?.name);
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

function useDomainCommands(domainId: string, name: string | undefined): void {
  const { t } = useLingui();
  const navigate = useNavigate();
  const list = useMemo((): Command[] => {
    if (name === undefined) return [];
    const params = { domainId };
    const group = name;
    return [
      {
        id: "domain-dns",
        title: t`DNS records of ${name}`,
        group,
        run: () => void navigate({ to: "/domains/$domainId/dns", params }),
      },
      {
        id: "domain-alias",
        title: t`Create an alias of ${name}`,
        group,
        run: () => void navigate({ to: "/domains/$domainId", params, search: { add: "1" } }),
      },
      {
        id: "domain-log",
        title: t`Log of ${name}`,
        group,
        run: () => void navigate({ to: "/logs", search: { domain_id: domainId } }),
      },
      {
        id: "domain-settings",
        title: t`Settings of ${name}`,
        group,
        run: () => void navigate({ to: "/domains/$domainId/settings", params }),
      },
    ];
  }, [domainId, name, navigate, t]);
  useCommands(list);
}
