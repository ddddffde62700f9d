// What an owner does about what waits. Neither can be taken back: a try is harmless, cancelling asks first.
import { plural } from "@lingui/core/macro";
import { useLingui } from "@lingui/react/macro";
import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { api, type Shown } from "../../api/client";
import { problemOf } from "../../api/problem";
import { toast } from "../../ui/toasts";

export type Choice = Partial<Shown["QueueChoice"]>;

/** `tryNow({ delivery_ids: [id] }, 1)`. Says what became of it; never throws. */
export function useTryNow(): (choice: Choice, count: number) => void {
  const { t } = useLingui();
  const queries = useQueryClient();
  return useCallback(
    (choice) => {
      void api
        .POST("/v1/queue/retry", { body: bodyOf(choice) })
        .then(({ data }) => {
          const changed = data?.changed ?? 0;
          toast({
            text:
              changed === 0
                ? t`Nothing to try: an attempt is under way, or it has ended`
                : t`Trying ${plural(changed, { one: "# delivery", other: "# deliveries" })} now`,
          });
        })
        .catch((error) => toast({ text: problemOf(error).detail, tone: "bad" }))
        .finally(() => look(queries));
    },
    [queries, t],
  );
}

/** Throws Problem. */
export function useCancel(): (choice: Choice) => Promise<void> {
  const { t } = useLingui();
  const queries = useQueryClient();
  return useCallback(
    async (choice) => {
      try {
        const { data } = await api.POST("/v1/queue/cancel", { body: bodyOf(choice) });
        const changed = data?.changed ?? 0;
        toast({ text: t`${plural(changed, { one: "# delivery", other: "# deliveries" })} cancelled` });
      } finally {
        look(queries);
      }
    },
    [queries, t],
  );
}

function bodyOf(choice: Choice): Shown["QueueChoice"] {
  return { all: false, ...choice } as Shown["QueueChoice"];
}

function look(queries: QueryClient): void {
  void queries.invalidateQueries({
    predicate: ({ queryKey: [, path] }) =>
      typeof path === "string" && (path.startsWith("/v1/queue") || path.startsWith("/v1/logs/messages/")),
  });
}
