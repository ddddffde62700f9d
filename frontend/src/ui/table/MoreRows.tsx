// The end of a list in pages: the next one comes when it is nearly seen; a button says the same to everybody.
import { Trans } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useEffect, useRef } from "react";
import type { List } from "../../api/lists";
import styles from "./table.module.css";

const AHEAD = "600px";

export function MoreRows({ list }: { list: Pick<List<unknown>, "rows" | "hasMore" | "isMore" | "more"> }) {
  const end = useRef<HTMLDivElement>(null);
  const more = useRef(list.more);
  more.current = list.more;
  const count = list.rows.length;
  // Watched anew after each page: the end may be in sight still, and nothing would tell of that.
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above
  useEffect(() => {
    if (!list.hasMore || end.current === null || !("IntersectionObserver" in window)) return;
    const watcher = new IntersectionObserver(
      (entries) => entries.some(({ isIntersecting }) => isIntersecting) && more.current(),
      { rootMargin: AHEAD },
    );
    watcher.observe(end.current);
    return () => watcher.disconnect();
  }, [list.hasMore, count]);
  if (!list.hasMore) return null;
  return (
    <div ref={end} className={styles.more}>
      <Button variant="subtle" loading={list.isMore} onClick={list.more}>
        <Trans>Show more</Trans>
      </Button>
    </div>
  );
}
