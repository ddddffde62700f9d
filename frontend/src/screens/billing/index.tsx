// The plan, what it allows, what it costs.
import { useLingui } from "@lingui/react/macro";
import { Page } from "../../ui/Page";

export default function Screen() {
  const { t } = useLingui();
  return <Page title={t`Billing`} />;
}
