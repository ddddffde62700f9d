// After a change that nobody waits for on screen: what it made old is asked for anew.
import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";

/** `const refresh = useRefresh(); await refresh("/v1/keys")`: all queries whose path begins so. */
export function useRefresh(): (...paths: string[]) => Promise<void> {
  const queries = useQueryClient();
  return useCallback(
    (...paths) =>
      queries.invalidateQueries({
        predicate: ({ queryKey: [, path] }) =>
          typeof path === "string" && paths.some((start) => path.startsWith(start)),
      }),
    [queries],
  );
}
