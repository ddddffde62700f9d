// What just happened, said once at the edge of the page, with a way back where there is one.
import { Trans, useLingui } from "@lingui/react/macro";
import { useEffect, useSyncExternalStore } from "react";
import { IconClose, IconFailed, IconOk } from "./icons";
import { KeyHint } from "./KeyHint";
import styles from "./toasts.module.css";

export interface Toast {
  text: string;
  tone?: "ok" | "bad";
  undo?: () => void | Promise<void>;
  /** Runs when the time for undo is over, or the page is left. */
  over?: () => void;
  /** Takes the toast away again where this comes true. */
  unless?: Promise<boolean>;
}

const LASTS = 8000;
const MOST = 3;
type Held = Toast & { id: number; timer: ReturnType<typeof setTimeout> };

let shown: readonly Held[] = [];
let count = 0;
const watchers = new Set<() => void>();

export function toast(what: Toast): void {
  count += 1;
  const id = count;
  const timer = setTimeout(() => end(id), LASTS);
  shown = [...shown, { ...what, id, timer }];
  for (const old of shown.slice(0, -MOST)) end(old.id);
  tell();
  void what.unless?.then((gone) => gone && drop(id));
}

/** Undoes what was done last. Returns false where nothing can be undone. */
export function undoLast(): boolean {
  const last = shown.findLast((each) => each.undo !== undefined);
  if (last === undefined) return false;
  undo(last);
  return true;
}

function undo(held: Held): void {
  drop(held.id);
  void held.undo?.();
}

function end(id: number): void {
  drop(id)?.over?.();
}

function drop(id: number): Held | undefined {
  const found = shown.find((each) => each.id === id);
  if (found === undefined) return undefined;
  clearTimeout(found.timer);
  shown = shown.filter((each) => each.id !== id);
  tell();
  return found;
}

function tell(): void {
  for (const run of watchers) run();
}

function subscribe(run: () => void): () => void {
  watchers.add(run);
  return () => watchers.delete(run);
}

function endAll(): void {
  for (const each of shown) end(each.id);
}

export function Toasts() {
  const { t } = useLingui();
  const all = useSyncExternalStore(subscribe, () => shown);
  useEffect(() => {
    window.addEventListener("pagehide", endAll);
    return () => window.removeEventListener("pagehide", endAll);
  }, []);
  return (
    <section className={styles.stack} aria-label={t`Notices`} aria-live="polite">
      {all.map((each) => (
        <div key={each.id} className={styles.toast} data-tone={each.tone ?? "ok"}>
          {each.tone === "bad" ? <IconFailed /> : <IconOk />}
          <span className={styles.text}>{each.text}</span>
          {each.undo !== undefined && (
            <button type="button" className={styles.undo} onClick={() => undo(each)}>
              <Trans>Undo</Trans> <KeyHint keys="z" />
            </button>
          )}
          <button type="button" className={styles.close} aria-label={t`Close`} onClick={() => end(each.id)}>
            <IconClose />
          </button>
        </div>
      ))}
    </section>
  );
}
