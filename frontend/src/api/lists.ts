// Lists that come in pages by cursor, as one growing list.
import { type InfiniteData, keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api } from "./client";
import type { Problem } from "./problem";
import type { paths } from "./schema";

export interface PageOf<Item> {
  data: Item[];
  has_more: boolean;
  next_cursor: string | null;
}

type Json<T> = T extends { responses: { 200: { content: { "application/json": infer Body } } } }
  ? Body
  : never;
type Paged = {
  [P in keyof paths]: paths[P] extends { get: infer Op }
    ? Json<Op> extends { data: unknown[]; next_cursor: string | null }
      ? P
      : never
    : never;
}[keyof paths];
type Get<P extends Paged> = paths[P] extends { get: infer Op } ? Op : never;
type ItemOf<P extends Paged> = Json<Get<P>> extends { data: (infer Item)[] } ? Item : never;
type Params<P extends Paged> = Get<P> extends { parameters: infer Found } ? Found : never;
type QueryOf<P extends Paged> =
  Params<P> extends { query?: infer Query } ? Omit<NonNullable<Query>, "cursor"> : never;
type PathOf<P extends Paged> = Params<P> extends { path: infer Path } ? Path : undefined;

export interface List<Item> {
  rows: Item[];
  /** Nothing yet: show a skeleton. */
  isPending: boolean;
  /** Rows of the filter before, while those of the new one come. */
  isStale: boolean;
  /** Set while there is nothing to show; with rows on screen the banner tells instead. */
  problem: Problem | null;
  hasMore: boolean;
  more: () => void;
  isMore: boolean;
  again: () => void;
}

/**
 * `useList("/v1/aliases", { q })`, `useList("/v1/domains/{domain_id}/aliases", {}, { domain_id })`.
 * The rows of before stay while a filter changes.
 */
export function useList<P extends Paged>(
  path: P,
  query: QueryOf<P>,
  ...[at]: PathOf<P> extends undefined ? [] : [PathOf<P>]
): List<ItemOf<P>> {
  const init = { params: { query, path: at } };
  const found = useInfiniteQuery<
    PageOf<ItemOf<P>>,
    Problem,
    InfiniteData<PageOf<ItemOf<P>>>,
    unknown[],
    string | null
  >({
    queryKey: ["get", path, init, "pages"],
    queryFn: async ({ pageParam, signal }) => {
      const asked = pageParam === null ? query : { ...query, cursor: pageParam };
      const get = api.GET as (path: string, init: unknown) => Promise<{ data: PageOf<ItemOf<P>> }>;
      return (await get(path, { params: { query: asked, path: at }, signal })).data;
    },
    initialPageParam: null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
  const rows = useMemo(() => found.data?.pages.flatMap((page) => page.data) ?? [], [found.data]);
  return {
    rows,
    isPending: found.isPending,
    isStale: found.isPlaceholderData,
    problem: found.data === undefined ? found.error : null,
    hasMore: found.hasNextPage,
    more: () => {
      if (found.hasNextPage && !found.isFetchingNextPage) void found.fetchNextPage();
    },
    isMore: found.isFetchingNextPage,
    again: () => void found.refetch(),
  };
}
