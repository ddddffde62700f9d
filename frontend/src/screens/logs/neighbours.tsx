// From an open message to the ones above and below it in its list.
import { createContext, type ReactNode, useContext } from "react";

const Ids = createContext<readonly string[]>([]);

export function NeighboursOf({ ids, children }: { ids: readonly string[]; children: ReactNode }) {
  return <Ids value={ids}>{children}</Ids>;
}

export function useNeighbours(id: string): { above: string | undefined; below: string | undefined } {
  const ids = useContext(Ids);
  const at = ids.indexOf(id);
  return { above: ids[at - 1], below: at < 0 ? undefined : ids[at + 1] };
}
