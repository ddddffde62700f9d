// A field whose value lives in the URL, and is written there when the typing pauses.
import { useEffect, useRef, useState } from "react";

const PAUSE = 150;

/** `value`: the URL's. `write`: `undefined` for none; navigate with `replace: true`. `pause` in ms. */
export function useLate(
  value: string,
  write: (value: string | undefined) => void,
  pause = PAUSE,
): [typed: string, setTyped: (typed: string) => void] {
  const [typed, setTyped] = useState(value);
  const sent = useRef(value);
  const run = useRef(write);
  run.current = write;
  // Back and forward change the URL: then the field follows.
  useEffect(() => {
    if (value === sent.current) return;
    sent.current = value;
    setTyped(value);
  }, [value]);
  useEffect(() => {
    if (typed === sent.current) return;
    const timer = setTimeout(() => {
      sent.current = typed;
      run.current(typed === "" ? undefined : typed);
    }, pause);
    return () => clearTimeout(timer);
  }, [typed, pause]);
  return [typed, setTyped];
}
