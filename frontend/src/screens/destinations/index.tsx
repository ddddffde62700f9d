// The inboxes that mail is forwarded to.
import { useLingui } from "@lingui/react/macro";
import { Page } from "../../ui/Page";

export default function Screen() {
  const { t } = useLingui();
  return <Page title={t`Destinations`} />;
}
