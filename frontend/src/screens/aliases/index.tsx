// Aliases of all domains: search, and change many at once.
import { useLingui } from "@lingui/react/macro";
import { Page } from "../../ui/Page";

export default function Screen() {
  const { t } = useLingui();
  return <Page title={t`Aliases`} />;
}
