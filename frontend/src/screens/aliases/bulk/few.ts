// A handful of aliases paused or resumed: at once on screen, no dialog, undone as any change.
import { plural, t } from "@lingui/core/macro";
import type { Optimistic } from "../../../api/change";
import { Problem } from "../../../api/problem";
import { LISTS, ONE, patchAlias } from "../changes";
import { isRefused, type Result, runItems, undoOf } from "./run";

export interface Few {
  ids: string[];
  enabled: boolean;
}

export const pauseFew: Optimistic<Few, Result[]> = {
  run: async ({ ids, enabled }) => {
    const found = await all((watch) =>
      runItems(
        ids.map((id) => ({ action: "change", id, enabled })),
        watch,
      ),
    );
    const refusal = found.find(isRefused);
    if (refusal !== undefined) throw new Problem(refusal.status, "conflict", refusal.detail ?? "");
    return found;
  },
  show: (queries, { ids, enabled }) => {
    for (const id of ids) patchAlias(queries, id, (alias) => ({ ...alias, enabled }));
  },
  said: ({ ids: { length }, enabled }) => {
    const what = plural(length, { one: "# alias", other: "# aliases" });
    return enabled ? t`${what} active` : t`${what} paused`;
  },
  undo: (_, done) => all((watch) => runItems(undoOf(done), watch)),
  touches: [...LISTS, ONE],
};

async function all(work: (watch: Parameters<typeof runItems>[1]) => Promise<void>): Promise<Result[]> {
  const found: Result[] = [];
  await work({ onPart: (part) => found.push(...part), signal: new AbortController().signal });
  return found;
}
