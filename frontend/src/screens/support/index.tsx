// Support access: our staff see none of the log unless somebody of the account lets them, for a while.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useSession } from "../../api/session";
import { Page } from "../../ui/Page";
import { Grants } from "./Grants";
import { LetThem } from "./LetThem";
import { Views } from "./Views";

export default function Screen() {
  const { t } = useLingui();
  const search = useSearch({ from: "/support-access" });
  const navigate = useNavigate({ from: "/support-access" });
  const may = useSession().can("account:write");
  const ask = () => void navigate({ search: { do: "let" } });
  return (
    <Page
      title={t`Support access`}
      above={<Link to="/privacy">{t`Privacy`}</Link>}
      lead={
        <Trans>
          Our staff see nothing of your log unless you let them. Each look is listed here, and each attempt
          that was refused.
        </Trans>
      }
      actions={
        may && (
          <Button variant="filled" onClick={ask}>
            <Trans>Let our staff look</Trans>
          </Button>
        )
      }
    >
      <Grants may={may} />
      <Views />
      {search.do === "let" && may && <LetThem onClose={() => void navigate({ search: {} })} />}
    </Page>
  );
}
