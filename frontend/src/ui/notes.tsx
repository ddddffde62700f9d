// What went wrong, where it went wrong: in the API's own words, with the way on.
import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { $api } from "../api/client";
import { problemOf } from "../api/problem";
import { useSession } from "../api/session";
import { money } from "../data/figures";
import { planName } from "../data/plans";
import { IconFailed, IconFailing } from "./icons";
import styles from "./pieces.module.css";

/** For any error of a query or a change; a limit is shown with what lifts it. */
export function ProblemNote({ error, again }: { error: unknown; again?: () => void }) {
  const { t } = useLingui();
  const problem = problemOf(error);
  if (problem.code === "limit_reached") return <LimitNote>{problem.detail}</LimitNote>;
  const here = window.location.pathname + window.location.search;
  return (
    <div className={styles.note} role="alert">
      <IconFailed />
      <div>
        {problem.detail}{" "}
        {problem.code === "sign_in_again" && (
          <a href={`/auth/sign-in?next=${encodeURIComponent(here)}`}>{t`Sign in again`}</a>
        )}
        {again !== undefined && (
          <button type="button" className={styles.link} onClick={again}>{t`Try again`}</button>
        )}
      </div>
    </div>
  );
}

/** A limit of the plan, before it is hit or after: the words, the price of the next plan, the way there. */
export function LimitNote({ children }: { children: ReactNode }) {
  const session = useSession();
  const account = $api.useQuery("get", "/v1/account");
  const plans = $api.useQuery("get", "/v1/plans", undefined, { staleTime: 3_600_000 });
  const at = plans.data?.data.findIndex(({ plan }) => plan === account.data?.plan) ?? -1;
  const next = at < 0 ? undefined : plans.data?.data[at + 1];
  const price = next?.prices.find(({ interval }) => interval === "month") ?? next?.prices[0];
  return (
    <div className={styles.note} data-tone="warn" role="status">
      <IconFailing />
      <div>
        {children}{" "}
        {next !== undefined && price !== undefined && (
          <Trans>
            {planName(next.plan)} has more room, for {money(price.amount, price.currency)} a {price.interval}.
          </Trans>
        )}{" "}
        {next !== undefined &&
          (session.can("billing:write") ? (
            <Link to="/billing" search={{ plan: next.plan }}>
              <Trans>See plans</Trans>
            </Link>
          ) : (
            <Trans>An owner of the account can change the plan.</Trans>
          ))}
      </div>
    </div>
  );
}

/** A line within a form or a section that must not be missed; it stands before anything went wrong. */
export function Note({ children }: { children: ReactNode }) {
  return (
    <div className={styles.note} data-tone="warn" role="note">
      <IconFailing />
      <div>{children}</div>
    </div>
  );
}
