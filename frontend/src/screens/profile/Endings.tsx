// The end of a person here.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { useSession } from "../../api/session";
import { Section } from "../../ui/Page";

export function Endings() {
  const { t } = useLingui();
  const session = useSession();
  const navigate = useNavigate({ from: "/profile" });
  const open = () => void navigate({ search: { do: "delete-me" }, resetScroll: false });
  return (
    <Section
      title={t`Delete yourself`}
      lead={
        <>
          <Trans>All you sign in with, and your place in every account.</Trans>{" "}
          {session.is("owner") && (
            <Trans>
              The account itself ends at <Link to="/privacy">Privacy</Link>.
            </Trans>
          )}
        </>
      }
      tone="danger"
      actions={
        <Button color="red" onClick={open}>
          <Trans>Delete yourself…</Trans>
        </Button>
      }
    >
      {null}
    </Section>
  );
}
