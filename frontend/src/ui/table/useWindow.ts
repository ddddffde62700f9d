// Of thousands of rows only those near the screen are in the page: plain windowing by one height for all.
import { type RefObject, useEffect, useState } from "react";

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
  // In whole rows: between them nothing is drawn anew.
  const [rowsAbove, setRowsAbove] = useState(0);
  useEffect(() => {
    let frame = 0;
    const look = () => setRowsAbove(Math.round(-(list.current?.getBoundingClientRect().top ?? 0) / height));
    const update = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(look);
    };
    look();
    // Capture: the list may scroll in a drawer.
    window.addEventListener("scroll", update, { passive: true, capture: true });
    window.addEventListener("resize", update);
    return () => {
      cancelAnimationFrame(frame);
      window.removeEventListener("scroll", update, { capture: true });
      window.removeEventListener("resize", update);
    };
  }, [list, height]);
  return windowOf(count, height, -rowsAbove * height, window.innerHeight);
}
