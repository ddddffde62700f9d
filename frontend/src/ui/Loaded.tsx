// A query on screen: a skeleton while there is nothing, the problem where it failed, else what was found. What
// was found once stays, however the next look ends: the banner tells that it may be old.
import type { ReactNode } from "react";
import { ProblemNote } from "./notes";
import { Skeleton } from "./Skeleton";

interface Query<Data> {
  data: Data | undefined;
  error: unknown;
  refetch: () => unknown;
}

interface Props<Data> {
  query: Query<Data>;
  lines?: number;
  children: (data: Data) => ReactNode;
}

export function Loaded<Data>({ query, lines = 4, children }: Props<Data>) {
  if (query.data !== undefined) return children(query.data);
  if (query.error) return <ProblemNote error={query.error} again={() => void query.refetch()} />;
  return <Skeleton lines={lines} />;
}
