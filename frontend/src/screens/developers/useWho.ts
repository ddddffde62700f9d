// Who stands behind an id of the request log or of a grant: a person, a key, an app.
import { useLingui } from "@lingui/react/macro";
import { useCallback, useMemo } from "react";
import { useList } from "../../api/lists";
import { useWhole } from "../../api/whole";

export interface Asker {
  id: string;
  name: string;
  kind: "person" | "key" | "app";
}

/** All that may have asked the API of this account, keys first. */
export function useAskers(): Asker[] {
  const keys = useWhole(useList("/v1/keys", { limit: 100 })).rows;
  const people = useWhole(useList("/v1/members", { limit: 100 })).rows;
  const grants = useWhole(useList("/v1/oauth/grants", { limit: 100 })).rows;
  return useMemo(
    () => [
      ...keys.map(({ id, name }): Asker => ({ id, name, kind: "key" })),
      ...grants.map(({ id, app }): Asker => ({ id, name: app.name, kind: "app" })),
      ...people.map(({ person_id, email }): Asker => ({ id: person_id, name: email, kind: "person" })),
    ],
    [keys, grants, people],
  );
}

export function useWho(): (id: string) => string {
  const { t } = useLingui();
  const askers = useAskers();
  return useCallback((id) => askers.find((each) => each.id === id)?.name ?? t`Gone`, [askers, t]);
}
