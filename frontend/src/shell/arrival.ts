// On arrival at another screen: its heading has the focus, so that readers and keyboards begin there.
// Tabs and drawers of one screen are no arrival: whoever pressed them stays where they are.
import { useRouterState } from "@tanstack/react-router";
import { useEffect, useRef } from "react";

export const HEADING = "page-title";
const PATIENCE = 2000;

export function useArrival(arrived: () => void): void {
  const screen = useRouterState({
    select: (state) => {
      // Those of staff are screens of their own below one door; elsewhere what is deeper is a tab or a drawer.
      const match = state.matches[1]?.routeId === "/staff" ? state.matches.at(-1) : state.matches[1];
      return match === undefined ? state.location.pathname : match.routeId + JSON.stringify(match.params);
    },
  });
  const last = useRef<string | undefined>(undefined);
  const run = useRef(arrived);
  run.current = arrived;
  useEffect(() => {
    const isFirst = last.current === undefined;
    if (last.current === screen) return;
    last.current = screen;
    run.current();
    if (!isFirst) return focusHeading();
  }, [screen]);
}

/** At once, or as soon as the screen's chunk has come. */
function focusHeading(): () => void {
  let watcher: MutationObserver | undefined;
  const old = document.getElementById(HEADING);
  const look = () => {
    const heading = document.getElementById(HEADING);
    if (heading === null || (heading === old && !heading.isConnected)) return;
    // A form that was asked for ("create an alias") has taken it already.
    if (document.activeElement?.matches("main :is(input, select, textarea)")) {
      if (heading !== old) watcher?.disconnect();
      return;
    }
    heading.focus({ preventScroll: true });
    watcher?.disconnect();
  };
  look();
  watcher = new MutationObserver(look);
  watcher.observe(document.body, { childList: true, subtree: true });
  const timer = setTimeout(() => watcher.disconnect(), PATIENCE);
  return () => {
    clearTimeout(timer);
    watcher.disconnect();
  };
}
