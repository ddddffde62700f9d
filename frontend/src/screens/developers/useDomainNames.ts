// The domains that a key is limited to, by their names.
import { useLingui } from "@lingui/react/macro";
import { useCallback } from "react";
import { useList } from "../../api/lists";
import { useWhole } from "../../api/whole";

export function useDomainNames(): (ids: string[] | null) => string {
  const { t } = useLingui();
  const { rows } = useWhole(useList("/v1/domains", { limit: 100 }));
  return useCallback(
    (ids) => {
      if (ids === null) return t`All`;
      const [first] = rows.filter(({ id }) => ids.includes(id)).map(({ name }) => name);
      if (first === undefined) return t`Deleted`;
      return ids.length === 1 ? first : `${first} +${ids.length - 1}`;
    },
    [rows, t],
  );
}
