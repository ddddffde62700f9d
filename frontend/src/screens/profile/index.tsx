// The person who is signed in.
import { useLingui } from "@lingui/react/macro";
import { Page } from "../../ui/Page";

export default function Screen() {
  const { t } = useLingui();
  return <Page title={t`Profile`} />;
}
