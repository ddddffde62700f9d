// The mark: an envelope's flap over the line that it is carried along.
import { Link } from "@tanstack/react-router";
import styles from "./nav.module.css";

export function Brand() {
  return (
    <Link to="/overview" className={styles.brand}>
      <svg width="20" height="20" viewBox="0 0 20 20" fill="none" aria-hidden="true" focusable="false">
        <path
          d="M2.5 5.5 10 11l7.5-5.5"
          stroke="currentColor"
          strokeWidth="2"
          strokeLinecap="round"
          strokeLinejoin="round"
        />
        <path d="M2.5 15h15" stroke="var(--accent)" strokeWidth="2" strokeLinecap="round" />
      </svg>
      Clearpost
    </Link>
  );
}
