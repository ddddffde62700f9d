// Keys of a screen that is a list: "/" searches it, "j" goes to its first row; from there the table has its own.
import { useLingui } from "@lingui/react/macro";
import { useMemo } from "react";
import { type Command, useCommands } from "../../shell/commands";

export function useListKeys(): void {
  const { t } = useLingui();
  const list = useMemo(
    (): Command[] => [
      {
        id: "list-search",
        title: t`Search this list`,
        keys: "/",
        group: t`In this list`,
        run: () => focus("search input[type=search]"),
      },
      {
        id: "list-rows",
        title: t`Go to the rows (then J, K, X, Enter)`,
        keys: "j",
        group: t`In this list`,
        run: () => focus('main tbody tr[tabindex="0"], main li a'),
      },
    ],
    [t],
  );
  useCommands(list);
}

function focus(what: string): void {
  document.querySelector<HTMLElement>(what)?.focus();
}
