// How queries behave by default: quiet, patient with an API that is away, never asking twice what is fresh.
import { notifyManager, QueryClient } from "@tanstack/react-query";
import { problemOf } from "./problem";
import { onReturn } from "./reach";

const TRIES = 2;

// Before the browser paints: after it, a switch would be seen to jump back until its change is shown.
notifyManager.setScheduler(queueMicrotask);

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      gcTime: 10 * 60_000,
      // Live events tell what changed (live.ts): looking again at each focus would be a storm for nothing.
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
      networkMode: "always",
      retry: (failures, error) => failures < TRIES && problemOf(error).isAway,
      retryDelay: (failures) => 500 * 2 ** failures,
    },
    mutations: { networkMode: "always", retry: false },
  },
});

onReturn(() => void queries.invalidateQueries());
