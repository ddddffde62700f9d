// On or off, at once: a switch that costs a list of a hundred next to nothing. The words beside it say the same.
import styles from "./ui.module.css";

interface Props {
  /** What is on: "hello@example.org is active". */
  label: string;
  isOn: boolean;
  onChange: () => void;
}

export function Toggle({ label, isOn, onChange }: Props) {
  return (
    <input
      type="checkbox"
      role="switch"
      className={styles.toggle}
      aria-checked={isOn}
      aria-label={label}
      checked={isOn}
      onChange={onChange}
    />
  );
}
