// How mail is doing: what needs somebody, the last seven days, each domain's health, usage.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useList } from "../../api/lists";
import { useSession } from "../../api/session";
import { useWhole } from "../../api/whole";
import { EmptyState } from "../../ui/EmptyState";
import { IconDomain } from "../../ui/icons";
import { ProblemNote } from "../../ui/notes";
import { Page, Section } from "../../ui/Page";
import { ScreenSkeleton } from "../../ui/Skeleton";
import { Meters } from "../billing/Usage";
import { Health } from "./Health";
import styles from "./overview.module.css";
import { Speed, Volume } from "./Plots";
import { Todo } from "./Todo";
import { useVolume } from "./useVolume";
import { Waiting } from "./Waiting";

export default function Screen() {
  const { t } = useLingui();
  const domains = useWhole(useList("/v1/domains", { limit: 100 }));
  if (domains.problem !== null) {
    return (
      <Page title={t`Overview`}>
        <ProblemNote error={domains.problem} again={domains.again} />
      </Page>
    );
  }
  if (domains.isPending) return <ScreenSkeleton />;
  return (
    <Page title={t`Overview`}>{domains.rows.length === 0 ? <New /> : <Filled domains={domains.rows} />}</Page>
  );
}

function Filled({ domains }: { domains: Parameters<typeof Health>[0]["domains"] }) {
  const { t } = useLingui();
  const volume = useVolume();
  return (
    <>
      <Todo domains={domains} />
      <div className={styles.pair}>
        <Volume query={volume} />
        <Speed query={volume} />
      </div>
      <div className={styles.pair}>
        <Health domains={domains} />
        <div className={styles.beside}>
          <Section title={t`Usage`} actions={<Billing />}>
            <div className={styles.meters}>
              <Meters />
            </div>
          </Section>
          <Waiting />
        </div>
      </div>
    </>
  );
}

function Billing() {
  if (!useSession().can("billing:read")) return null;
  return (
    <Link to="/billing" className={styles.link}>
      <Trans>Plan and limits</Trans>
    </Link>
  );
}

/** A new account: the one thing to do. */
function New() {
  const { t } = useLingui();
  const mayAdd = useSession().can("domains:write");
  return (
    <EmptyState
      icon={IconDomain}
      title={t`No domain yet`}
      action={
        mayAdd && (
          <Button variant="filled" renderRoot={(props) => <Link to="/welcome" {...props} />}>
            <Trans>Set up the first domain</Trans>
          </Button>
        )
      }
    >
      {mayAdd ? (
        <Trans>
          Five steps to the first forwarded message; here you see how your mail does from then on.
        </Trans>
      ) : (
        <Trans>Your role may look, not add. Ask an admin of the account.</Trans>
      )}
    </EmptyState>
  );
}
