// One bulk run as a screen follows it: running, done, undoing, undone. It ends when the screen goes.
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { type Problem, problemOf } from "../../../api/problem";
import { LISTS, ONE } from "../changes";
import { isRefused, type Result, runItems, undoOf, type Watch } from "./run";

export type Stage = "ready" | "running" | "done" | "undoing" | "undone";

export interface Run {
  stage: Stage;
  results: Result[];
  total: number;
  /** What ended it before its end. */
  problem: Problem | undefined;
  refused: Result[];
  start: (work: (watch: Watch) => Promise<void>) => Promise<Result[]>;
  /** For results that came in one answer (import). */
  took: (results: Result[]) => void;
  undo: () => void;
  stop: () => void;
}

export function useRun(): Run {
  const queries = useQueryClient();
  const [stage, setStage] = useState<Stage>("ready");
  const [results, setResults] = useState<Result[]>([]);
  const [total, setTotal] = useState(0);
  const [problem, setProblem] = useState<Problem>();
  const control = useRef(new AbortController());
  useEffect(() => () => control.current.abort(), []);
  const refresh = useCallback(() => {
    const touched = [...LISTS, ONE, "/v1/domains", "/v1/destinations"];
    void queries.invalidateQueries({ predicate: ({ queryKey: [, path] }) => touched.includes(String(path)) });
  }, [queries]);
  const walk = useCallback(
    async (work: (watch: Watch) => Promise<void>, while_: Stage, then: Stage): Promise<Result[]> => {
      control.current = new AbortController();
      setStage(while_);
      setResults([]);
      setProblem(undefined);
      const found: Result[] = [];
      const onPart = (part: Result[], all: number) => {
        found.push(...part);
        setResults([...found]);
        setTotal(all);
      };
      try {
        await work({ onPart, signal: control.current.signal });
      } catch (error) {
        setProblem(problemOf(error));
      }
      setStage(then);
      refresh();
      return found;
    },
    [refresh],
  );
  return {
    stage,
    results,
    total,
    problem,
    refused: results.filter(isRefused),
    start: (work) => walk(work, "running", "done"),
    took: (given) => {
      setResults(given);
      setTotal(given.length);
      setStage("done");
      refresh();
    },
    undo: () => {
      const items = undoOf(results);
      setTotal(items.length);
      void walk((watch) => runItems(items, watch), "undoing", "undone");
    },
    stop: () => control.current.abort(),
  };
}
