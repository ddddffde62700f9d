// The log of seven days. A message opens beside its list.
import { useLingui } from "@lingui/react/macro";
import { Outlet } from "@tanstack/react-router";
import { Page } from "../../ui/Page";

export default function Screen() {
  const { t } = useLingui();
  return (
    <Page title={t`Log`}>
      <Outlet />
    </Page>
  );
}
