// How one signs in, where one is signed in, and who changed what in the account.
import { useLingui } from "@lingui/react/macro";
import { Page } from "../../ui/Page";
import { AuditLog } from "./AuditLog";
import { Passkeys } from "./Passkeys";
import { Sessions } from "./Sessions";
import { WaysIn } from "./WaysIn";

export default function Screen() {
  const { t } = useLingui();
  return (
    <Page title={t`Security`}>
      <Passkeys />
      <WaysIn />
      <Sessions />
      <AuditLog />
    </Page>
  );
}
