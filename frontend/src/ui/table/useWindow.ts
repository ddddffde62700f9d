// Of thousands of rows only those near the screen are in the page: plain windowing by one height for all.
import { type RefObject, useCallback, useEffect, useState } from "react";

const SPARE = 12;
/** Fewer are simply all there: find-in-page and printing see them. */
export const FEW = 120;

export interface Window {
  first: number;
  /** Not included. */
  last: number;
}

/** The rows to show when the list begins `top` px below the upper edge of the view. */
export function windowOf(count: number, height: number, top: number, view: number): Window {
  if (count <= FEW) return { first: 0, last: count };
  const first = Math.max(0, Math.min(count, Math.floor(-top / height)) - SPARE);
  const last = Math.min(count, Math.ceil((view - top) / height) + SPARE);
  return { first, last: Math.max(first, last) };
}

export function useWindow(list: RefObject<HTMLElement | null>, count: number, height: number): Window {
  const look = useCallback(() => {
    const top = list.current?.getBoundingClientRect().top ?? 0;
    return windowOf(count, height, top, window.innerHeight);
  }, [list, count, height]);
  const [shown, show] = useState<Window>(() => windowOf(count, height, 0, window.innerHeight));
  useEffect(() => {
    let frame = 0;
    const update = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() =>
        show((before) => {
          const next = look();
          return next.first === before.first && next.last === before.last ? before : next;
        }),
      );
    };
    show(look());
    // Capture: the list may scroll in a drawer.
    window.addEventListener("scroll", update, { passive: true, capture: true });
    window.addEventListener("resize", update);
    return () => {
      cancelAnimationFrame(frame);
      window.removeEventListener("scroll", update, { capture: true });
      window.removeEventListener("resize", update);
    };
  }, [look]);
  // Rows may have become fewer since the last look.
  return {
    first: Math.min(shown.first, count),
    last: Math.min(Math.max(shown.last, Math.min(count, FEW)), count),
  };
}
