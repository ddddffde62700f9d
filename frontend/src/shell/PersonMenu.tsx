// Who is signed in: profile, look, help, the way out.
import { useLingui } from "@lingui/react/macro";
import { useMantineColorScheme } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useSession } from "../api/session";
import {
  IconCheck,
  IconExit,
  IconKey,
  IconMoon,
  IconPerson,
  IconScreen,
  IconSun,
  IconUpDown,
} from "../ui/icons";
import styles from "./nav.module.css";
import { leaveFor, OUTSIDE } from "./outside";
import { Popup, PopupItem, PopupLine } from "./Popup";

export function PersonMenu({ onKeys }: { onKeys: () => void }) {
  const { t, i18n } = useLingui();
  const { me } = useSession();
  const navigate = useNavigate();
  const name = me.name === "" ? me.email : me.name;
  const button = (
    <>
      <span className={styles.dot} aria-hidden="true">
        {name.slice(0, 1).toUpperCase()}
      </span>
      <span className={styles.names}>
        <span className={styles.name}>{name}</span>
      </span>
      <IconUpDown />
    </>
  );
  return (
    <Popup button={button} className={styles.person} side="above">
      {(close) => {
        const then = (run: () => void) => () => {
          close();
          run();
        };
        return (
          <>
            <PopupItem icon={<IconPerson />} onClick={then(() => void navigate({ to: "/profile" }))}>
              {t`Profile`}
            </PopupItem>
            <PopupItem icon={<IconKey />} onClick={then(onKeys)}>
              {t`Keyboard shortcuts`}
            </PopupItem>
            {OUTSIDE.map(({ to, title, icon: Icon }) => (
              <PopupItem key={to} icon={<Icon />} onClick={() => leaveFor(to)}>
                {i18n._(title)}
              </PopupItem>
            ))}
            <PopupLine />
            <Look />
            <PopupLine />
            <PopupItem icon={<IconExit />} onClick={signOut}>
              {t`Sign out`}
            </PopupItem>
          </>
        );
      }}
    </Popup>
  );
}

function Look() {
  const { t } = useLingui();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const looks = [
    { value: "auto", title: t`As the system`, icon: IconScreen },
    { value: "light", title: t`Light`, icon: IconSun },
    { value: "dark", title: t`Dark`, icon: IconMoon },
  ] as const;
  return looks.map(({ value, title, icon: Icon }) => (
    <PopupItem
      key={value}
      icon={<Icon />}
      isCurrent={value === colorScheme}
      mark={value === colorScheme && <IconCheck />}
      onClick={() => setColorScheme(value)}
    >
      {title}
    </PopupItem>
  ));
}

/** A form, as the page of signing out takes one: the answer is a page, and the cookie is gone. */
function signOut(): void {
  const form = document.createElement("form");
  form.method = "post";
  form.action = "/auth/sign-out";
  document.body.append(form);
  form.submit();
}
