// Who belongs to the account, as what; who is invited; what each role may.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useSession } from "../../api/session";
import { IconPlus } from "../../ui/icons";
import { Page } from "../../ui/Page";
import { AskToOwn, Claim } from "./Claim";
import { Invitations } from "./Invitations";
import { Invite } from "./Invite";
import { Members } from "./Members";
import { Roles } from "./Roles";
import { Transfer } from "./Transfer";

export default function Screen() {
  const { t } = useLingui();
  const session = useSession();
  const search = useSearch({ from: "/team" });
  const navigate = useNavigate({ from: "/team" });
  const mayInvite = session.can("account:write");
  return (
    <Page
      title={t`Team`}
      actions={
        mayInvite && (
          <Button
            variant="filled"
            leftSection={<IconPlus />}
            onClick={() => void navigate({ search: { add: "1" } })}
          >
            <Trans>Invite</Trans>
          </Button>
        )
      }
    >
      <Claim />
      <Members />
      <Invitations />
      <Roles />
      <AskToOwn />
      {session.is("owner") && <Transfer />}
      {search.add === "1" && mayInvite && <Invite onClose={() => void navigate({ search: {} })} />}
    </Page>
  );
}
