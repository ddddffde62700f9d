// For our own staff: accounts in figures, nothing of their mail.
import { useLingui } from "@lingui/react/macro";
import { Outlet } from "@tanstack/react-router";
import { Page } from "../../ui/Page";

export default function Screen() {
  const { t } = useLingui();
  return (
    <Page title={t`Staff`}>
      <Outlet />
    </Page>
  );
}
