// One step: its number or a check, its name, what came of it, and while it is open what there is to do.
import { useLingui } from "@lingui/react/macro";
import { type ReactNode, useEffect, useRef } from "react";
import { IconCheck } from "../../ui/icons";
import styles from "./welcome.module.css";

interface Props {
  number: number;
  title: string;
  isDone: boolean;
  isOpen: boolean;
  /** Shown beside the name once it is done: the domain, say. */
  result?: ReactNode;
  /** The person has just finished the step before: the keyboard goes on here. */
  isNext: boolean;
  children?: ReactNode;
}

export function Step({ number, title, isDone, isOpen, result, isNext, children }: Props) {
  const { t } = useLingui();
  const ref = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (!isNext || !isOpen) return;
    const find = (what: string) => ref.current?.querySelector<HTMLElement>(what);
    (find("[data-autofocus]:not(:disabled)") ?? find("h2"))?.focus();
    ref.current?.scrollIntoView?.({ block: "nearest" });
  }, [isNext, isOpen]);
  return (
    <li ref={ref} className={styles.step} data-done={isDone} data-open={isOpen}>
      <span className={styles.mark} aria-hidden="true">
        {isDone ? <IconCheck /> : number}
      </span>
      <div className={styles.inside}>
        <div className={styles.line}>
          <h2 tabIndex={-1}>{title}</h2>
          {isDone && <span className="sr-only">{t`done`}</span>}
          {isDone && result !== undefined && <span className={styles.result}>{result}</span>}
        </div>
        {isOpen && children}
      </div>
    </li>
  );
}
