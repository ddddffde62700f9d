// The Idempotency-Key of a form: the same while its content is the same, so that pressing the button again
// after a silence makes one thing, not two. Every other POST gets a key of its own (client.ts).
import { useMemo } from "react";
import { newKey } from "./client";

export interface OnceKey {
  /** For this content: anything that JSON can hold. */
  key: (content: unknown) => string;
  /** It was made: the same content again is another thing. */
  done: () => void;
}

export function onceKey(make: () => string = newKey): OnceKey {
  let held: { content: string; key: string } | undefined;
  return {
    key: (content) => {
      const written = JSON.stringify(content);
      if (held?.content !== written) held = { content: written, key: make() };
      return held.key;
    },
    done: () => {
      held = undefined;
    },
  };
}

export function useOnceKey(): OnceKey {
  return useMemo(() => onceKey(), []);
}
