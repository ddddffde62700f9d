// One alias: where it forwards to, who wrote lately, a test message.
import { useLingui } from "@lingui/react/macro";
import { Page } from "../../ui/Page";

export default function Screen() {
  const { t } = useLingui();
  return <Page title={t`Alias`} />;
}
