// A key, as printed on the keyboard: <KeyHint keys="g d" />, <KeyHint keys="mod+k" />.
import styles from "./ui.module.css";

const IS_MAC = /Mac|iPhone|iPad/.test(navigator.platform);

export function shownKeys(keys: string): string[] {
  return keys.split(" ").map((step) =>
    step
      .split("+")
      .map((key) => (key === "mod" ? (IS_MAC ? "⌘" : "Ctrl") : key.length === 1 ? key.toUpperCase() : key))
      .join(IS_MAC ? "" : " "),
  );
}

export function KeyHint({ keys }: { keys: string }) {
  return (
    <span className={styles.keys} aria-hidden="true">
      {shownKeys(keys).map((step) => (
        <kbd key={step}>{step}</kbd>
      ))}
    </span>
  );
}
