// The note of an alias, written where it stands: Enter or leaving keeps it, Escape does not.
import { t as say } from "@lingui/core/macro";
import { useLingui } from "@lingui/react/macro";
import { TextInput } from "@mantine/core";
import { useState } from "react";
import { type Optimistic, useChange } from "../../api/change";
import { type Alias, LISTS, ONE, patchAlias, update } from "../aliases/changes";

interface Given {
  alias: Alias;
  note: string;
}

const renote: Optimistic<Given, Alias> = {
  run: ({ alias, note }) => update(alias.id, { note }),
  show: (queries, { alias, note }) => patchAlias(queries, alias.id, (held) => ({ ...held, note })),
  said: ({ alias: { address } }) => say`Note of ${address} changed`,
  undo: ({ alias }) => update(alias.id, { note: alias.note }),
  keep: (queries, done) => patchAlias(queries, done.id, () => done),
  touches: [...LISTS, ONE],
};

export function Note({ alias, mayWrite }: { alias: Alias; mayWrite: boolean }) {
  const { t } = useLingui();
  const [typed, setTyped] = useState<string>();
  const change = useChange(renote);
  if (!mayWrite) return alias.note || t`None`;
  const keep = () => {
    if (typed !== undefined && typed.trim() !== alias.note) void change({ alias, note: typed.trim() });
    setTyped(undefined);
  };
  return (
    <TextInput
      size="xs"
      maw="24rem"
      aria-label={t`Note`}
      placeholder={t`For yourself: what it is for`}
      maxLength={500}
      value={typed ?? alias.note}
      onChange={(event) => setTyped(event.currentTarget.value)}
      onBlur={keep}
      onKeyDown={(event) => {
        if (event.key === "Enter") event.currentTarget.blur();
        if (event.key !== "Escape") return;
        setTyped(undefined);
        event.stopPropagation();
      }}
    />
  );
}
