// For programs: keys, apps, and what they asked.
import { useLingui } from "@lingui/react/macro";
import { Outlet } from "@tanstack/react-router";
import { Page } from "../../ui/Page";
import { Tabs } from "../../ui/Tabs";

export default function Screen() {
  const { t } = useLingui();
  return (
    <Page title={t`Developers`}>
      <Tabs
        label={t`For programs`}
        tabs={[
          { to: "/developers/keys", title: t`API keys` },
          { to: "/developers/apps", title: t`Apps` },
          { to: "/developers/requests", title: t`Requests` },
        ]}
      />
      <Outlet />
    </Page>
  );
}
