// The end of a list in pages: the next one comes when it is nearly seen; a button says the same to everybody.
import { Trans } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useEffect, useRef } from "react";
import type { List } from "../../api/lists";
import styles from "./table.module.css";

const AHEAD = "600px";

export function MoreRows({ list }: { list: Pick<List<unknown>, "hasMore" | "isMore" | "more"> }) {
  const end = useRef<HTMLDivElement>(null);
  const more = useRef(list.more);
  more.current = list.more;
  useEffect(() => {
    if (!list.hasMore || end.current === null || !("IntersectionObserver" in window)) return;
    const watcher = new IntersectionObserver(
      (entries) => entries.some(({ isIntersecting }) => isIntersecting) && more.current(),
      { rootMargin: AHEAD },
    );
    watcher.observe(end.current);
    return () => watcher.disconnect();
  }, [list.hasMore]);
  if (!list.hasMore) return null;
  return (
    <div ref={end} className={styles.more}>
      <Button variant="subtle" loading={list.isMore} onClick={list.more}>
        <Trans>Show more</Trans>
      </Button>
    </div>
  );
}
