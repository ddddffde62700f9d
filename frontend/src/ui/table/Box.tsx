// The box before a row: the browser's own, as a list may have thousands.
import { useEffect, useRef } from "react";
import styles from "./table.module.css";

interface Props {
  label: string;
  isOn: boolean;
  isMixed?: boolean;
  tabIndex?: number;
  onChange: () => void;
}

export function Box({ label, isOn, isMixed = false, tabIndex, onChange }: Props) {
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (box.current !== null) box.current.indeterminate = isMixed;
  }, [isMixed]);
  return (
    <input
      ref={box}
      type="checkbox"
      className={styles.box}
      aria-label={label}
      checked={isOn}
      tabIndex={tabIndex}
      onChange={onChange}
    />
  );
}
