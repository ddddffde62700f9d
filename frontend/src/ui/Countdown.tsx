// The time left until a moment, second by second: "4 min 10 s". What follows at zero is `over`.
import { type ReactNode, useEffect, useState } from "react";
import { exactly, span } from "../data/moments";

export function Countdown({ until, over = null }: { until: string; over?: ReactNode }) {
  const left = useSecondsLeft(until);
  if (left <= 0) return over;
  return (
    <time dateTime={until} title={exactly(until)}>
      {span(left)}
    </time>
  );
}

function useSecondsLeft(until: string): number {
  const count = () => Math.ceil((Date.parse(until) - Date.now()) / 1000);
  const [left, setLeft] = useState(count);
  useEffect(() => {
    const look = () => setLeft(Math.ceil((Date.parse(until) - Date.now()) / 1000));
    look();
    const timer = setInterval(look, 1000);
    return () => clearInterval(timer);
  }, [until]);
  return left;
}
