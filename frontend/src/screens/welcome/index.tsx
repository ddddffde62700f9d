// The first run: from a domain to a first forwarded message.
import { useLingui } from "@lingui/react/macro";
import { Page } from "../../ui/Page";

export default function Screen() {
  const { t } = useLingui();
  return <Page title={t`Welcome`} />;
}
