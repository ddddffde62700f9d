// The first run: from a domain to a first forwarded message. Each step shows by itself whether it is done, so
// that whoever leaves comes back to where they were.
import { useLingui } from "@lingui/react/macro";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useSession } from "../../api/session";
import { ProblemNote } from "../../ui/notes";
import { Page } from "../../ui/Page";
import { Skeleton } from "../../ui/Skeleton";
import { AddDomain } from "../domain/AddDomain";
import { DomainBadge } from "../domain/DomainBadge";
import { Records } from "../domain/Records";
import { AliasStep } from "./AliasStep";
import { PolicyStep } from "./PolicyStep";
import { isDone, isOpen, type Progress, STEPS, type StepId, takesMail, useProgress } from "./progress";
import { Step } from "./Step";
import { TestStep } from "./TestStep";
import styles from "./welcome.module.css";

const route = getRouteApi("/welcome");

export default function Screen() {
  const { t } = useLingui();
  const { domain } = route.useSearch();
  const { progress, error, again, lookForDelivered } = useProgress(domain);
  return (
    <Page title={t`Set up forwarding`}>
      {progress !== undefined ? (
        <Steps progress={progress} onDelivered={lookForDelivered} />
      ) : error ? (
        <ProblemNote error={error} again={again} />
      ) : (
        <Skeleton lines={8} />
      )}
    </Page>
  );
}

function Steps({ progress, onDelivered }: { progress: Progress; onDelivered: () => void }) {
  const { t } = useLingui();
  const { message } = route.useSearch();
  const navigate = useNavigate();
  const { can } = useSession();
  const [next, setNext] = useState<StepId>();
  const { account, domain, alias } = progress;
  // What was ready on arrival is only said; what becomes ready under the reader stays where it is.
  const [wasReady] = useState(isDone(progress, "records"));
  const titles: Record<StepId, string> = {
    policy: t`What is logged`,
    domain: t`Your domain`,
    records: t`DNS records`,
    alias: t`First alias`,
    test: t`Test message`,
  };
  const step = (id: StepId) => ({
    number: STEPS.indexOf(id) + 1,
    title: titles[id],
    isDone: isDone(progress, id),
    isOpen: isOpen(progress, id),
    isNext: next === id,
  });
  if (!can("domains:write")) {
    return <p className="soft">{t`Your role may look, not set up. Ask an admin of the account.`}</p>;
  }
  return (
    <ol className={styles.steps}>
      <Step {...step("policy")} isOpen={!isDone(progress, "policy")}>
        <PolicyStep account={account} onDone={() => setNext("domain")} />
      </Step>
      <Step
        {...step("domain")}
        isOpen={isOpen(progress, "domain") && domain === undefined}
        result={
          domain && (
            <>
              <Link to="/domains/$domainId" params={{ domainId: domain.id }}>
                {domain.name}
              </Link>
              <DomainBadge domain={domain} />
            </>
          )
        }
      >
        <AddDomain
          onAdded={({ id }) => {
            setNext("records");
            void navigate({ to: "/welcome", search: { domain: id }, replace: true, resetScroll: false });
          }}
        />
      </Step>
      <Step
        {...step("records")}
        result={
          domain && (
            <Link to="/domains/$domainId/dns" params={{ domainId: domain.id }}>
              {t`Show`}
            </Link>
          )
        }
      >
        {domain && !wasReady && <Records domain={domain} advice={false} />}
      </Step>
      <Step {...step("alias")}>
        {domain && (
          <AliasStep
            domain={domain}
            alias={alias}
            onDone={(made) => setNext(takesMail(made) ? "test" : "alias")}
          />
        )}
      </Step>
      <Step {...step("test")}>
        {domain && alias && (
          <TestStep
            domain={domain}
            alias={alias}
            messageId={message}
            isDone={isDone(progress, "test")}
            onDelivered={onDelivered}
          />
        )}
      </Step>
    </ol>
  );
}
