// A button and what it unfolds: links and buttons in a list. Escape and a click elsewhere fold it again.
import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import styles from "./popup.module.css";

interface Props {
  button: ReactNode;
  className: string | undefined;
  side: "above" | "below";
  label?: string;
  children: (close: () => void) => ReactNode;
}

export function Popup({ button, className, side, label, children }: Props) {
  const [isOpen, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const trigger = useRef<HTMLButtonElement>(null);
  const id = useId();
  useEffect(() => {
    if (!isOpen) return;
    const elsewhere = (event: PointerEvent) => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    window.addEventListener("pointerdown", elsewhere);
    return () => window.removeEventListener("pointerdown", elsewhere);
  }, [isOpen]);
  const close = () => {
    setOpen(false);
    trigger.current?.focus();
  };
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" && isOpen) {
      event.stopPropagation();
      close();
    } else if (step !== undefined && isOpen) {
      event.preventDefault();
      move(box.current, step);
    }
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: keys of the buttons within
    <div ref={box} className={styles.box} onKeyDown={onKey}>
      <button
        ref={trigger}
        type="button"
        className={className}
        aria-expanded={isOpen}
        aria-controls={id}
        onClick={() => setOpen(!isOpen)}
      >
        {button}
      </button>
      <div id={id} className={styles.panel} data-side={side} hidden={!isOpen}>
        {label !== undefined && <p className={styles.label}>{label}</p>}
        {isOpen && children(close)}
      </div>
    </div>
  );
}

/** To the next of the buttons and links, or around to the first. */
function move(box: HTMLElement | null, step: number): void {
  const all = [...(box?.querySelectorAll<HTMLElement>("a, button:not(:disabled)") ?? [])];
  const at = all.indexOf(document.activeElement as HTMLElement);
  all[(at + step + all.length) % all.length]?.focus();
}

interface ItemProps {
  icon?: ReactNode;
  mark?: ReactNode;
  isCurrent?: boolean;
  disabled?: boolean;
  onClick: () => void;
  children: ReactNode;
}

export function PopupItem({ icon, mark, isCurrent, disabled, onClick, children }: ItemProps) {
  return (
    <button
      type="button"
      className={styles.item}
      aria-current={isCurrent}
      disabled={disabled}
      onClick={onClick}
    >
      {icon}
      <span className={styles.words}>{children}</span>
      {mark}
    </button>
  );
}

export function PopupLine() {
  return <hr className={styles.line} />;
}
