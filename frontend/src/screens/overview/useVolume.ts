// What became of the mail of seven days, counted anew when there is news: soon, but seldom, as it is much work.
import { useCallback, useEffect, useRef } from "react";
import { $api, type Shown } from "../../api/client";
import { type News, useNews } from "../../api/live";

export type Volumes = Shown["Volumes"];

// The API's answer holds for ten seconds, and it counts at most thirty times a minute for all of an account.
const EVERY = 12_000;
const SOON = 500;

export function useVolume() {
  const query = $api.useQuery("get", "/v1/logs/volume", { params: { query: { by: "day" } } });
  const { refetch, dataUpdatedAt } = query;
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const last = useRef(dataUpdatedAt);
  last.current = dataUpdatedAt;
  useNews(
    useCallback(
      ({ kind }: News) => {
        if (kind !== "log" || timer.current !== undefined) return;
        const wait = Math.max(SOON, last.current + EVERY - Date.now());
        timer.current = setTimeout(() => {
          timer.current = undefined;
          void refetch();
        }, wait);
      },
      [refetch],
    ),
  );
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    },
    [],
  );
  return query;
}
