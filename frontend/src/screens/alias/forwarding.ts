// Changes to where an alias forwards: always from what it is now, whatever another tab has done meanwhile.
import { t } from "@lingui/core/macro";
import type { Optimistic } from "../../api/change";
import { api, type Shown } from "../../api/client";
import { problemOf } from "../../api/problem";
import { type Alias, type Destination, LISTS, ONE, patchAlias } from "../aliases/changes";

const TRIES = 3;

/** `become` gets the ids of the present destinations; addresses may be among what it returns. */
export async function redirect(id: string, become: (present: string[]) => string[]): Promise<Alias> {
  const path = { alias_id: id };
  for (let left = TRIES; ; left -= 1) {
    const { data, response } = await api.GET(ONE, { params: { path }, cache: "no-store" });
    const present = (data as Alias).destinations.map((each) => each.id);
    const ifMatch = response.headers.get("ETag");
    const header = { "if-match": ifMatch };
    const body: Shown["AliasPatch"] = { destinations: become(present) };
    try {
      return (await api.PATCH(ONE, { params: { path, header }, body })).data as Alias;
    } catch (error) {
      if (left <= 1 || problemOf(error).code !== "precondition_failed") throw error;
    }
  }
}

interface Removal {
  alias: Alias;
  destination: Destination;
}

export const removal: Optimistic<Removal, Alias> = {
  run: ({ alias, destination }) => redirect(alias.id, (ids) => ids.filter((id) => id !== destination.id)),
  show: (queries, { alias, destination }) =>
    patchAlias(queries, alias.id, (held) => ({
      ...held,
      destinations: held.destinations.filter(({ id }) => id !== destination.id),
    })),
  said: ({ destination: { address } }) => t`${address} removed`,
  undo: ({ alias, destination }) => redirect(alias.id, (ids) => [...ids, destination.id]),
  keep: (queries, done) => patchAlias(queries, done.id, () => done),
  touches: [...LISTS, ONE],
};
