// What stands around every screen: navigation, banners, keys. Shows nothing of an account before it is known who asks.
import { Trans } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Outlet, useLocation } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState, useSyncExternalStore } from "react";
import { goodbye, onGoodbye } from "../api/goodbye";
import { problemOf } from "../api/problem";
import { meQuery } from "../api/session";
import { ScreenSkeleton } from "../ui/Skeleton";
import { useArrival } from "./arrival";
import { Banners } from "./Banners";
import styles from "./frame.module.css";
import { Nav } from "./Nav";
import { TopBar } from "./TopBar";
import { useShellCommands } from "./useShellCommands";

const NoAccount = lazy(() => import("./NoAccount"));
const Away = lazy(() => import("./Away"));
const Goodbye = lazy(() => import("./Goodbye"));
const palette = () => import("./Palette");
const shortcutList = () => import("./ShortcutList");
const Palette = lazy(palette);
const ShortcutList = lazy(shortcutList);

export function Frame() {
  const said = useSyncExternalStore(onGoodbye, goodbye);
  if (said === undefined) return <Known />;
  return (
    <Suspense>
      <Goodbye said={said} />
    </Suspense>
  );
}

function Known() {
  const me = useQuery(meQuery);
  const isForStaff = useLocation({ select: ({ pathname }) => pathname.startsWith("/staff") });
  if (me.data === undefined) {
    return me.error === null ? (
      <Waiting />
    ) : (
      <Suspense>
        <Away problem={problemOf(me.error)} />
      </Suspense>
    );
  }
  if (me.data.account_id === null) {
    return isForStaff ? (
      <Bare />
    ) : (
      <Suspense>
        <NoAccount me={me.data} />
      </Suspense>
    );
  }
  return <Inside />;
}

function Inside() {
  const [isOpen, setOpen] = useState(false);
  const shell = useShellCommands();
  useArrival(() => setOpen(false));
  useEffect(fetchAhead, []);
  return (
    <div className={styles.frame}>
      <a className={styles.skip} href="#main">
        <Trans>Skip to content</Trans>
      </a>
      <TopBar isOpen={isOpen} onToggle={() => setOpen(!isOpen)} onSearch={shell.openPalette} />
      <Nav
        isOpen={isOpen}
        onClose={() => setOpen(false)}
        onSearch={shell.openPalette}
        onKeys={shell.openKeys}
      />
      <main id="main" tabIndex={-1} className={styles.main} inert={isOpen}>
        <Banners />
        <div className={styles.screen}>
          <Outlet />
        </div>
      </main>
      <Suspense>
        {shell.shown === "palette" && <Palette onClose={shell.close} />}
        {shell.shown === "keys" && <ShortcutList onClose={shell.close} />}
      </Suspense>
    </div>
  );
}

/** Staff need no account. */
function Bare() {
  useArrival(() => undefined);
  return (
    <main id="main" className={styles.main}>
      <div className={styles.screen}>
        <Outlet />
      </div>
    </main>
  );
}

/** What a key opens is there at once, and while the API is away. */
function fetchAhead(): () => void {
  const timer = setTimeout(() => void Promise.allSettled([palette(), shortcutList()]), 500);
  return () => clearTimeout(timer);
}

function Waiting() {
  return (
    <div className={styles.frame}>
      <div className={styles.side} />
      <main className={styles.main}>
        <div className={styles.screen}>
          <ScreenSkeleton />
        </div>
      </main>
    </div>
  );
}
