// The commands that are there on every screen, and the dialogs that two of them open.
import { useLingui } from "@lingui/react/macro";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import { useSession } from "../api/session";
import { ACTIONS } from "../screens/actions";
import { IconPlus } from "../ui/icons";
import { type Command, useCommands } from "./commands";
import { listenForKeys } from "./keys";
import { CHECKABLE, leaveFor, OUTSIDE } from "./outside";
import { placesOf } from "./places";

type Shown = "nothing" | "palette" | "keys";

export function useShellCommands() {
  const { t, i18n } = useLingui();
  const session = useSession();
  const navigate = useNavigate();
  const [shown, show] = useState<Shown>("nothing");
  useEffect(listenForKeys, []);
  const list = useMemo((): Command[] => {
    const places = placesOf(session).map(
      ({ to, title, icon, keys }): Command => ({
        id: to,
        title: i18n._(title),
        icon,
        group: t`Go to`,
        run: () => void navigate({ to }),
        ...(keys === undefined ? {} : { keys }),
      }),
    );
    const actions = ACTIONS.filter(({ scope }) => scope === undefined || session.can(scope)).map(
      ({ to, search, title, keys }): Command => ({
        id: `${to}+`,
        title: i18n._(title),
        icon: IconPlus,
        group: t`Do`,
        run: () => void navigate({ to, search }),
        ...(keys === undefined ? {} : { keys }),
      }),
    );
    const own: Command[] = [
      {
        id: "palette",
        title: t`Search and commands`,
        keys: "mod+k",
        group: t`Help`,
        run: () => show("palette"),
      },
      { id: "keys", title: t`Keyboard shortcuts`, keys: "?", group: t`Help`, run: () => show("keys") },
      ...[...OUTSIDE, ...CHECKABLE].map(({ to, title, icon }) => ({
        id: to,
        title: i18n._(title),
        icon,
        group: t`Help`,
        run: () => leaveFor(to),
      })),
    ];
    return [...actions, ...places, ...own];
  }, [session, navigate, i18n, t]);
  useCommands(list);
  return {
    shown,
    openPalette: () => show("palette"),
    openKeys: () => show("keys"),
    close: () => show("nothing"),
  };
}
