// The person who is signed in, the accounts they belong to, and the one they work in.
import { useLingui } from "@lingui/react/macro";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Page } from "../../ui/Page";
import { AccountSettings } from "./AccountSettings";
import { Accounts } from "./Accounts";
import { ChangeEmail } from "./ChangeEmail";
import { DeleteMe } from "./DeleteMe";
import { Endings } from "./Endings";
import { Look } from "./Look";
import { NewAccount } from "./NewAccount";
import { You } from "./You";

export default function Screen() {
  const { t } = useLingui();
  const search = useSearch({ from: "/profile" });
  const navigate = useNavigate({ from: "/profile" });
  const close = () => void navigate({ search: {}, resetScroll: false });
  return (
    <Page title={t`Profile`}>
      <You />
      <Look />
      <Accounts />
      <AccountSettings />
      <Endings />
      {search.do === "email" && <ChangeEmail onClose={close} />}
      {search.do === "open-account" && <NewAccount onClose={close} />}
      {search.do === "delete-me" && <DeleteMe onClose={close} />}
    </Page>
  );
}
