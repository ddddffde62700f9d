// Ctrl K: every place and action by a few letters.
import { Trans, useLingui } from "@lingui/react/macro";
import { type KeyboardEvent, useId, useMemo, useState } from "react";
import { Dialog } from "../ui/Dialog";
import { IconRight } from "../ui/icons";
import { KeyHint } from "../ui/KeyHint";
import { type Command, useAllCommands } from "./commands";
import { matching } from "./matching";
import styles from "./palette.module.css";

export default function Palette({ onClose }: { onClose: () => void }) {
  const { t } = useLingui();
  const all = useAllCommands();
  const [wanted, setWanted] = useState("");
  const [at, setAt] = useState(0);
  const id = useId();
  const found = useMemo(() => matching(all, wanted).filter((each) => each.id !== "palette"), [all, wanted]);
  const chosen = found[Math.min(at, found.length - 1)];
  const run = (command: Command | undefined) => {
    if (command === undefined) return;
    onClose();
    command.run();
  };
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      setAt((at + step + found.length) % Math.max(found.length, 1));
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(chosen);
    }
  };
  return (
    <Dialog title={t`Search and commands`} hideTitle place="top" onClose={onClose}>
      <input
        className={styles.input}
        role="combobox"
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={chosen && `${id}-${chosen.id}`}
        aria-label={t`Search and commands`}
        placeholder={t`Where to, or what to do?`}
        value={wanted}
        onChange={(event) => {
          setWanted(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKey}
      />
      <div id={id} role="listbox" aria-label={t`Commands`} className={styles.list}>
        {found.map((each, index) => (
          <Option
            key={each.id}
            id={`${id}-${each.id}`}
            command={each}
            isChosen={each === chosen}
            isFirst={each.group !== found[index - 1]?.group}
            onRun={() => run(each)}
          />
        ))}
      </div>
      {found.length === 0 && (
        <p className={styles.none} role="status">
          <Trans>Nothing is called that. Try “domain” or “billing”.</Trans>
        </p>
      )}
    </Dialog>
  );
}

interface OptionProps {
  id: string;
  command: Command;
  isChosen: boolean;
  isFirst: boolean;
  onRun: () => void;
}

function Option({ id, command, isChosen, isFirst, onRun }: OptionProps) {
  const Icon = command.icon ?? IconRight;
  return (
    <>
      {isFirst && (
        <div className={styles.group} role="presentation">
          {command.group}
        </div>
      )}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the combobox has the keys */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: the combobox names it by aria-activedescendant */}
      <div
        id={id}
        role="option"
        aria-selected={isChosen}
        className={styles.option}
        onClick={onRun}
        ref={(node) => (isChosen ? node?.scrollIntoView?.({ block: "nearest" }) : undefined)}
      >
        <Icon />
        <span className={styles.title}>{command.title}</span>
        {command.keys !== undefined && <KeyHint keys={command.keys} />}
      </div>
    </>
  );
}
