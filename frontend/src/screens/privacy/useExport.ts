// An export under way: the file comes by one request, how far it is by live events that name it.
import { useCallback, useEffect, useRef, useState } from "react";
import { api, newKey } from "../../api/client";
import { type News, useNews } from "../../api/live";
import { saveFile } from "../../data/save";

export type State =
  | { kind: "none" }
  | { kind: "running"; rows: number; of: number }
  | { kind: "done"; name: string; size: number }
  | { kind: "failed"; error: unknown };

export interface Exporting {
  state: State;
  start: () => void;
  cancel: () => void;
}

const NAME = "clearpost-export.zip";

export function useExport(): Exporting {
  const [state, become] = useState<State>({ kind: "none" });
  const run = useRef<{ id: string; stop: AbortController }>(undefined);
  useNews(
    useCallback((news: News) => {
      if (news.kind !== "export" || news.body.subject_id !== run.current?.id) return;
      const { rows, of } = news.body.data;
      become((now) => (now.kind === "running" ? { ...now, rows: Number(rows), of: Number(of) } : now));
    }, []),
  );
  const cancel = useCallback(() => {
    run.current?.stop.abort();
    run.current = undefined;
    become({ kind: "none" });
  }, []);
  useEffect(() => () => run.current?.stop.abort(), []);
  const start = () => {
    const own = { id: newKey(), stop: new AbortController() };
    run.current = own;
    become({ kind: "running", rows: 0, of: 0 });
    fetchExport(own.id, own.stop.signal).then(
      (content) => {
        if (run.current !== own) return;
        saveFile(NAME, content);
        become({ kind: "done", name: NAME, size: content.size });
      },
      (error: unknown) => {
        if (run.current === own) become({ kind: "failed", error });
      },
    );
  };
  return { state, start, cancel };
}

async function fetchExport(id: string, signal: AbortSignal): Promise<Blob> {
  const params = { query: { export_id: id } };
  const { data } = await api.GET("/v1/account/export", { params, parseAs: "blob", signal });
  return data as Blob;
}
