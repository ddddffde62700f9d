// What can be done to one alias from any screen: at once on screen, and undone for some seconds.
import { t } from "@lingui/core/macro";
import type { QueryClient } from "@tanstack/react-query";
import { type Optimistic, patch } from "../../api/change";
import { api, type Shown } from "../../api/client";

export type Alias = Shown["Alias"];
export type Destination = Shown["Destination"];

/** Where aliases are held. */
export const LISTS = ["/v1/aliases", "/v1/domains/{domain_id}/aliases"];
export const ONE = "/v1/aliases/{alias_id}";

export function patchAlias(queries: QueryClient, id: string, become: (alias: Alias) => Alias | null): void {
  for (const path of [...LISTS, ONE]) patch<Alias>(queries, path, id, become);
}

/** As a list knows it. */
export function heldAlias(queries: QueryClient, id: string): Alias | undefined {
  const held = queries.getQueriesData<{ pages?: { data: Alias[] }[] }>({
    predicate: ({ queryKey }) => queryKey[1] === LISTS[0],
  });
  for (const [, list] of held) {
    for (const page of list?.pages ?? []) {
      const found = page.data.find((alias) => alias.id === id);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

export async function update(id: string, body: Shown["AliasPatch"]): Promise<Alias> {
  const answer = await api.PATCH(ONE, { params: { path: { alias_id: id } }, body });
  return answer.data as Alias;
}

/** Active to paused, and back. */
export const toggle: Optimistic<Alias, Alias> = {
  run: ({ id, enabled }) => update(id, { enabled: !enabled }),
  show: (queries, { id, enabled }) => patchAlias(queries, id, (alias) => ({ ...alias, enabled: !enabled })),
  said: ({ address, enabled }) => (enabled ? t`${address} paused` : t`${address} active`),
  undo: ({ id, enabled }) => update(id, { enabled }),
  keep: (queries, done) => patchAlias(queries, done.id, () => done),
  touches: [...LISTS, ONE],
};

/** The request waits until the time for undo is over: mail that waits for the alias would be cancelled. */
export const remove: Optimistic<Alias, unknown> = {
  run: ({ id }) => api.DELETE(ONE, { params: { path: { alias_id: id } } }),
  show: (queries, { id }) => {
    for (const path of LISTS) patch<Alias>(queries, path, id, () => null);
  },
  said: ({ address }) => t`${address} deleted`,
  touches: [...LISTS, "/v1/domains"],
};
