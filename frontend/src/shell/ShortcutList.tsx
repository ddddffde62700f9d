// `?`: the keys that do something here and now.
import { useLingui } from "@lingui/react/macro";
import { Fragment } from "react";
import { Dialog } from "../ui/Dialog";
import { KeyHint, shownKeys } from "../ui/KeyHint";
import { useAllCommands } from "./commands";
import styles from "./palette.module.css";

export default function ShortcutList({ onClose }: { onClose: () => void }) {
  const { t } = useLingui();
  const undo = { id: "undo", title: t`Undo the last change`, keys: "z", group: t`Help` };
  const all = [...useAllCommands(), undo].filter((each) => each.keys !== undefined);
  const groups = [...new Set(all.map((each) => each.group))];
  return (
    <Dialog title={t`Keyboard shortcuts`} onClose={onClose}>
      {groups.map((group) => (
        <section key={group}>
          <h3 className={styles.group}>{group}</h3>
          <dl className={styles.keys}>
            {all
              .filter((each) => each.group === group)
              .map(({ id, title, keys = "" }) => (
                <Fragment key={id}>
                  <dt>{title}</dt>
                  <dd>
                    <KeyHint keys={keys} />
                    <span className="sr-only">{shownKeys(keys).join(" ")}</span>
                  </dd>
                </Fragment>
              ))}
          </dl>
        </section>
      ))}
    </Dialog>
  );
}
