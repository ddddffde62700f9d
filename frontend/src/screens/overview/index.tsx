// How mail is doing: health, the last seven days, usage, what to do next.
import { useLingui } from "@lingui/react/macro";
import { Page } from "../../ui/Page";

export default function Screen() {
  const { t } = useLingui();
  return <Page title={t`Overview`} />;
}
