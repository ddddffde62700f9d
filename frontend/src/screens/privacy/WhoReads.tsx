// Who may read the log: the team and its programs; of our staff nobody, unless a grant lives.
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { Facts } from "../../ui/Facts";
import { Section } from "../../ui/Page";
import { StateBadge } from "../../ui/StateBadge";

export function WhoReads({ grants }: { grants: number }) {
  const { t } = useLingui();
  return (
    <Section title={t`Who can read the log`}>
      <Facts
        of={[
          [
            t`Your team`,
            <span key="team" className="row">
              <Link to="/team">
                <Trans>Everybody in it</Trans>
              </Link>
            </span>,
          ],
          [
            t`Your programs`,
            <Trans key="programs">
              <Link to="/developers/keys">Keys</Link> and <Link to="/developers/apps">apps</Link> with the
              scope <code>logs:read</code>
            </Trans>,
          ],
          [
            t`Clearpost staff`,
            <span key="staff" className="row">
              {grants === 0 ? (
                <Trans>Nobody, unless you let them</Trans>
              ) : (
                <StateBadge state="waiting">
                  <Plural value={grants} one="# grant lives" other="# grants live" />
                </StateBadge>
              )}{" "}
              <Link to="/support-access">
                <Trans>Support access</Trans>
              </Link>
            </span>,
          ],
        ]}
      />
    </Section>
  );
}
