// One account in figures, and what stops it and lets it go on. Nothing of its log: the way there is a grant.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { bytes, money, number } from "../../data/figures";
import { planName } from "../../data/plans";
import { Countdown } from "../../ui/Countdown";
import { Facts } from "../../ui/Facts";
import { Loaded } from "../../ui/Loaded";
import { Section } from "../../ui/Page";
import { Meter } from "../../ui/plot/Meter";
import { StateBadge } from "../../ui/StateBadge";
import { When } from "../../ui/When";
import { type Found, type Overview, overviewQuery, type Paid } from "./client";
import { type Grant, grantsQuery } from "./granted";
import { Resume } from "./Resume";
import { StaffPage } from "./StaffPage";
import { Suspend } from "./Suspend";
import styles from "./staff.module.css";
import { Usage } from "./Usage";

export default function Account() {
  const { accountId } = useParams({ from: "/staff/accounts/$accountId" });
  const query = useQuery(overviewQuery(accountId));
  const [asked, ask] = useState<"suspend" | "resume">();
  const { t } = useLingui();
  const found = query.data;
  const close = () => ask(undefined);
  const isSuspended = found !== undefined && found.suspended !== null;
  return (
    <StaffPage
      title={found?.account.name ?? t`Account`}
      above={<Link to="/staff">{t`Accounts`}</Link>}
      mark={isSuspended && <StateBadge state="paused">{t`Suspended`}</StateBadge>}
      actions={
        found !== undefined &&
        (isSuspended ? (
          <Button variant="filled" onClick={() => ask("resume")}>{t`Resume…`}</Button>
        ) : (
          <Button color="red" onClick={() => ask("suspend")}>{t`Suspend…`}</Button>
        ))
      }
    >
      <Loaded query={query} lines={8}>
        {(overview) => <Figures of={overview} />}
      </Loaded>
      {found !== undefined && asked === "suspend" && <Suspend account={found.account} onClose={close} />}
      {found !== undefined && asked === "resume" && <Resume account={found.account} onClose={close} />}
    </StaffPage>
  );
}

function Figures({ of: found }: { of: Overview }) {
  const { t } = useLingui();
  const today = found.usage.find(({ day }) => day === new Date().toISOString().slice(0, 10));
  const { limits } = found;
  return (
    <>
      {found.suspended !== null && <Why of={found.suspended} />}
      <div className={styles.halves}>
        <Section title={t`Account`}>
          <Facts
            of={[
              [t`Plan`, planName(found.account.plan)],
              [t`Created`, <When key="created" at={found.account.created_at} />],
              [t`Owners`, <Owners key="owners" of={found.owners} />],
              [t`Members`, number(found.members)],
              [t`Subscription`, <Subscription key="paid" of={found.subscription} />],
              [
                t`Policy read`,
                found.policy_told_at === null ? t`Not yet` : <When key="told" at={found.policy_told_at} />,
              ],
              [t`ID`, <code key="id">{found.account.id}</code>],
            ]}
          />
        </Section>
        <Section title={t`Limits`}>
          <div className="stack">
            <Meter title={t`Domains`} value={found.domains} limit={limits.domains} />
            <Meter
              title={t`Forwarded today`}
              value={today?.forwarded ?? 0}
              limit={limits.forwarded_per_day}
            />
            <Facts
              of={[
                [t`Verified domains`, number(found.verified)],
                [t`Aliases for each domain`, number(limits.aliases_per_domain)],
                [t`Inboxes for each alias`, number(limits.destinations_per_alias)],
                [t`Attachments`, bytes(limits.attachment_bytes)],
                [t`Waiting now`, <Waiting key="waiting" of={found.waiting} />],
              ]}
            />
          </div>
        </Section>
      </div>
      <Usage of={found.usage} />
      <LogAccess of={found.account} />
    </>
  );
}

function LogAccess({ of: account }: { of: Found }) {
  const { t } = useLingui();
  const { data } = useQuery(grantsQuery);
  const grants = data?.data.filter((each) => each.account_id === account.id) ?? [];
  return (
    <Section title={t`Log`}>
      {grants.length === 0 ? (
        <p className="soft">
          <Trans>Its people let us see none of it now. They open that in their portal.</Trans>
        </p>
      ) : (
        <Facts
          of={grants.map((grant): [string, ReactNode] => [grant.reason, <Open key="log" of={grant} />])}
        />
      )}
    </Section>
  );
}

function Open({ of: { account_id: accountId, id, expires_at: until } }: { of: Grant }) {
  const { t } = useLingui();
  return (
    <>
      <Link to="/staff/accounts/$accountId/log" params={{ accountId }} search={{ grant: id }}>
        {t`Read the log`}
      </Link>{" "}
      <Trans>
        for <Countdown until={until} over={t`a moment`} />
      </Trans>
    </>
  );
}

function Why({ of: suspended }: { of: NonNullable<Overview["suspended"]> }) {
  const { t } = useLingui();
  return (
    <Section title={t`Suspended`}>
      <Facts
        of={[
          [t`Because`, suspended.explanation],
          [t`Since`, <When key="since" at={suspended.since} />],
          [t`Mail is refused`, <When key="refused" at={suspended.refused_from} />],
          [
            t`Note to the owners`,
            suspended.note === "" ? (
              t`None`
            ) : (
              <span key="note" className={styles.note}>
                {suspended.note}
              </span>
            ),
          ],
        ]}
      />
    </Section>
  );
}

function Owners({ of: owners }: { of: string[] }) {
  const { t } = useLingui();
  if (owners.length === 0) return t`Nobody`;
  return owners.map((email) => <div key={email}>{email}</div>);
}

function Subscription({ of: paid }: { of: Paid | null }) {
  const { t } = useLingui();
  if (paid === null) return t`None`;
  const price = t`${money(paid.amount_monthly, paid.currency)} a month`;
  return (
    <>
      {[paid.status, paid.amount_monthly > 0 && price, paid.disputed && t`disputed`]
        .filter(Boolean)
        .join(", ")}
      {paid.past_due_since !== null && (
        <>
          , {t`unpaid since`} <When at={paid.past_due_since} />
        </>
      )}
      {paid.cancel_at !== null && (
        <>
          , {t`ends`} <When at={paid.cancel_at} />
        </>
      )}
    </>
  );
}

function Waiting({ of: lanes }: { of: Record<string, number> }) {
  const { t } = useLingui();
  const parts = Object.entries(lanes).map(([lane, count]) => t`${number(count)} in the ${lane} lane`);
  return parts.length === 0 ? t`Nothing` : parts.join(", ");
}
