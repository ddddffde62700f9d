// What ends: the account, for its owner; oneself.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useSession } from "../../api/session";
import { Section } from "../../ui/Page";

export function Endings() {
  const { t } = useLingui();
  const session = useSession();
  const navigate = useNavigate({ from: "/profile" });
  const go = (what: "delete-account" | "delete-me") =>
    void navigate({ search: { do: what }, resetScroll: false });
  return (
    <Section title={t`Delete`} tone="danger">
      {session.is("owner") && (
        <div className="row">
          <Button color="red" onClick={() => go("delete-account")}>
            <Trans>Delete this account…</Trans>
          </Button>
          <span className="soft">
            <Trans>Its domains, aliases, log and team. Its mail is refused from then on.</Trans>
          </span>
        </div>
      )}
      <div className="row">
        <Button color="red" onClick={() => go("delete-me")}>
          <Trans>Delete yourself…</Trans>
        </Button>
        <span className="soft">
          <Trans>All you sign in with, and your place in every account.</Trans>
        </span>
      </div>
    </Section>
  );
}
