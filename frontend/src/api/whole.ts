// Lists that are short by nature (keys, people), as one: every page is fetched. And lists that are looked at
// again while somebody watches, where no live event tells of news.
import { useEffect, useRef } from "react";
import type { List } from "./lists";

export function useWhole<Item>(list: List<Item>): List<Item> {
  const { hasMore, isMore, more } = list;
  const next = useRef(more);
  next.current = more;
  useEffect(() => {
    if (hasMore && !isMore) next.current();
  }, [hasMore, isMore]);
  return list;
}

/** Asks again every so many ms, while the tab is in sight. */
export function useWatched(again: () => void, every: number): void {
  const run = useRef(again);
  run.current = again;
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === "visible" && run.current(), every);
    return () => clearInterval(timer);
  }, [every]);
}
