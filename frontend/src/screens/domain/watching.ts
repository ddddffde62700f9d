// Looks at the DNS of a domain while somebody waits before the page: a row turns OK moments after its record is
// published. The API looks by itself as well and tells (live.ts); this only makes it soon.
import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { patch } from "../../api/change";
import { api } from "../../api/client";
import { type Problem, problemOf } from "../../api/problem";
import type { Domain } from "./health";

/** In ms, from the end of a look to the next: 18 at most of the 20 a minute that the API allows. */
const PACE = 3200;
/** Who has not come back to the page for this long waits for nothing: a slower pace will do. */
const PATIENCE = 10 * 60_000;
const SLOW_PACE = 60_000;

export interface Watching {
  isLooking: boolean;
  problem: Problem | undefined;
  look: () => void;
}

/** Every few seconds while `isWanted`, as long as the page is seen. */
export function useWatching(domainId: string, isWanted: boolean): Watching {
  const queries = useQueryClient();
  const [isLooking, setLooking] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const since = useRef(Date.now());
  const look = useCallback(async () => {
    try {
      await lookAt(queries, domainId);
      setProblem(undefined);
    } catch (error) {
      setProblem(problemOf(error));
    }
  }, [queries, domainId]);
  useEffect(() => {
    if (!isWanted) return;
    let timer: ReturnType<typeof setTimeout>;
    let isOver = false;
    const next = async () => {
      if (!document.hidden) await look();
      if (isOver) return;
      timer = setTimeout(next, Date.now() - since.current < PATIENCE ? PACE : SLOW_PACE);
    };
    const comeBack = () => {
      if (document.hidden) return;
      since.current = Date.now();
      clearTimeout(timer);
      void next();
    };
    void next();
    document.addEventListener("visibilitychange", comeBack);
    return () => {
      isOver = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", comeBack);
    };
  }, [look, isWanted]);
  const lookNow = () => {
    since.current = Date.now();
    setLooking(true);
    void look().finally(() => setLooking(false));
  };
  // A look too many is no news to somebody who waits: the next one comes by itself. A silence the banner tells.
  const isQuiet = problem === undefined || problem.isAway || problem.code === "rate_limited";
  return { isLooking, problem: isQuiet ? undefined : problem, look: lookNow };
}

async function lookAt(queries: QueryClient, domainId: string): Promise<void> {
  const path = { domain_id: domainId };
  const { data } = await api.POST("/v1/domains/{domain_id}/check", { params: { path } });
  if (data === undefined) return;
  for (const held of ["/v1/domains", "/v1/domains/{domain_id}"]) {
    patch<Domain>(queries, held, domainId, () => data);
  }
}
