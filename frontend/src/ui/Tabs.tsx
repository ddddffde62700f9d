// Tabs that are links: each has its own address, and Back goes through them.
import { Link, type LinkProps } from "@tanstack/react-router";
import styles from "./tabs.module.css";

export type Tab = Pick<LinkProps, "to" | "params" | "search"> & {
  title: string;
  exact?: boolean;
  count?: number;
};

export function Tabs({ label, tabs }: { label: string; tabs: Tab[] }) {
  return (
    <nav aria-label={label} className={styles.tabs}>
      {tabs.map(({ title, exact = false, count, ...link }) => (
        <Link
          key={String(link.to)}
          {...link}
          className={styles.tab}
          activeOptions={{ exact, includeSearch: false }}
          activeProps={{ "aria-current": "page" }}
        >
          {title}
          {count !== undefined && <span className={styles.count}>{count}</span>}
        </Link>
      ))}
    </nav>
  );
}
