// A dialog of the browser's own: it keeps the focus inside, closes on Escape, and gives the focus back.
import { useLingui } from "@lingui/react/macro";
import { type ReactNode, useEffect, useId, useRef } from "react";
import styles from "./dialog.module.css";
import { IconClose } from "./icons";

const FIELDS = ":is([data-autofocus], input, textarea, select):not([disabled])";

interface Props {
  title: ReactNode;
  onClose: () => void;
  children: ReactNode;
  /** "middle" for a question, "side" for details beside their list (Drawer), "top" for the palette. */
  place?: "middle" | "side" | "top";
  hideTitle?: boolean;
  footer?: ReactNode;
}

export function Dialog({ title, onClose, children, place = "middle", hideTitle = false, footer }: Props) {
  const { t } = useLingui();
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    dialog?.showModal();
    // The browser's choice would be the button that closes it.
    const first = dialog?.querySelector<HTMLElement>(FIELDS) ?? dialog?.querySelector("h2");
    first?.focus();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      className={styles.dialog}
      data-place={place}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => event.target === event.currentTarget && onClose()}
    >
      <div className={styles.inner}>
        <header className={hideTitle ? "sr-only" : styles.head}>
          <h2 id={id} tabIndex={-1}>
            {title}
          </h2>
          {!hideTitle && (
            <button type="button" className={styles.close} onClick={onClose} aria-label={t`Close`}>
              <IconClose />
            </button>
          )}
        </header>
        <div className={styles.body}>{children}</div>
        {footer !== undefined && <footer className={styles.foot}>{footer}</footer>}
      </div>
    </dialog>
  );
}
