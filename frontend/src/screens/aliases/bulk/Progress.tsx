// How far a run is, then what became of each alias: the refused first, with the reason, and the way back.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { number } from "../../../data/figures";
import { ProblemNote } from "../../../ui/notes";
import { StateBadge } from "../../../ui/StateBadge";
import styles from "../aliases.module.css";
import type { Alias } from "../changes";
import { isRefused, type Result } from "./run";
import type { Run } from "./useRun";

/** More lines than anybody reads; the figures above count all. */
const MOST_LINES = 200;

export function Progress({ run, onClose }: { run: Run; onClose: () => void }) {
  const { t } = useLingui();
  const { stage, results, total, refused, problem } = run;
  const isRunning = stage === "running" || stage === "undoing";
  const done = number(results.length - refused.length);
  const all = number(total);
  const isUndone = stage === "undoing" || stage === "undone";
  return (
    <div className="stack">
      {isRunning && (
        <progress
          className={styles.progress}
          value={results.length}
          max={Math.max(total, 1)}
          aria-label={t`Progress`}
        />
      )}
      <p className={styles.figures} role="status">
        {isRunning && (
          <Trans>
            {number(results.length)} of {all}
          </Trans>
        )}
        {!isRunning && (
          <StateBadge state="ok" plain>
            {isUndone ? t`${done} undone` : t`${done} done`}
          </StateBadge>
        )}
        {refused.length > 0 && (
          <StateBadge state="failed" plain>
            {t`${number(refused.length)} refused`}
          </StateBadge>
        )}
      </p>
      {problem !== undefined && <ProblemNote error={problem} />}
      {!isRunning && results.length > 0 && <Results results={results} />}
      <div className="row">
        {isRunning ? (
          <Button onClick={run.stop}>
            <Trans>Stop here</Trans>
          </Button>
        ) : (
          <>
            <Button variant="filled" onClick={onClose}>
              <Trans>Close</Trans>
            </Button>
            {stage === "done" && results.length > refused.length && (
              <Button onClick={run.undo}>
                <Trans>Undo all {done}</Trans>
              </Button>
            )}
          </>
        )}
      </div>
    </div>
  );
}

export function Results({ results }: { results: Result[] }) {
  const { t } = useLingui();
  const name = useNames();
  const words = { create: t`Created`, change: t`Changed`, delete: t`Deleted` };
  const lines = results.toSorted((a, b) => Number(isRefused(b)) - Number(isRefused(a))).slice(0, MOST_LINES);
  const rest = number(results.length - lines.length);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it
    <ul className={styles.list} aria-label={t`What became of each`} tabIndex={0}>
      {lines.map((each) => (
        <li key={`${each.id} ${each.index}`}>
          <span>{name(each)}</span>
          <span className="soft">{each.detail ?? words[each.action]}</span>
        </li>
      ))}
      {results.length > lines.length && (
        <li className="soft">
          <Trans>And {rest} more.</Trans>
        </li>
      )}
    </ul>
  );
}

/** Addresses by what the browser holds already. */
function useNames(): (result: Result) => string {
  const queries = useQueryClient();
  return useMemo(() => {
    const held = queries.getQueriesData<{ pages?: { data: Alias[] }[] }>({
      predicate: ({ queryKey }) => queryKey[1] === "/v1/aliases",
    });
    const known = held.flatMap(([, data]) => data?.pages?.flatMap((page) => page.data) ?? []);
    const addresses = new Map(known.map(({ id, address }) => [id, address]));
    const domains = new Map(known.map(({ domain_id, address }) => [domain_id, address.replace(/^.*@/, "")]));
    return ({ id, before, index }) => {
      if (before !== null) return `${before.local_part}@${domains.get(before.domain_id) ?? ""}`;
      return addresses.get(id ?? "") ?? `#${index + 1}`;
    };
  }, [queries]);
}
