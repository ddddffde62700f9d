// A list with nothing in it: why, and the one thing to do next.
import type { ReactNode } from "react";
import type { Icon } from "./icons";
import styles from "./pieces.module.css";

interface Props {
  icon: Icon;
  title: string;
  children: ReactNode;
  /** One button or link. */
  action?: ReactNode;
}

export function EmptyState({ icon: Icon, title, children, action }: Props) {
  return (
    <div className={styles.empty}>
      <Icon />
      <h3>{title}</h3>
      <p>{children}</p>
      {action}
    </div>
  );
}
