// Filters above a list, bound to the URL: <FilterBar value={search} onChange={(next) => navigate({ search: next })}>
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import { IconSearch } from "./icons";
import styles from "./pieces.module.css";
import { useLate } from "./useLate";

interface Props {
  /** The text that is looked for: the URL's. */
  q: string | undefined;
  /** Called when the typing pauses; `undefined` for none. Navigate with `replace: true`. */
  onSearch: (q: string | undefined) => void;
  placeholder?: string;
  /** In ms, how long the typing must pause: short where looking costs little. */
  pause?: number;
  /** Selects and the like, each bound to the URL by the screen. */
  children?: ReactNode;
  /** Shown where a filter is set: takes all away. */
  onClear?: (() => void) | undefined;
}

export function FilterBar({ q = "", onSearch, placeholder, pause, children, onClear }: Props) {
  const { t } = useLingui();
  const [typed, setTyped] = useLate(q, onSearch, pause);
  return (
    <search className={styles.filters}>
      <TextInput
        type="search"
        aria-label={placeholder ?? t`Search`}
        placeholder={placeholder ?? t`Search`}
        leftSection={<IconSearch />}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
      />
      {children}
      {onClear !== undefined && (
        <Button variant="subtle" onClick={onClear}>
          <Trans>Clear filters</Trans>
        </Button>
      )}
    </search>
  );
}
