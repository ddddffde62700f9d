// Who is signed in: profile, look, help, the way out.
import { useLingui } from "@lingui/react/macro";
import { Menu, useMantineColorScheme } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useSession } from "../api/session";
import {
  IconCheck,
  IconCode,
  IconExit,
  IconInfo,
  IconKey,
  IconMoon,
  IconPerson,
  IconScreen,
  IconSun,
  IconUpDown,
} from "../ui/icons";
import styles from "./nav.module.css";

export function PersonMenu({ onKeys }: { onKeys: () => void }) {
  const { t } = useLingui();
  const { me } = useSession();
  const name = me.name === "" ? me.email : me.name;
  return (
    <Menu position="top-start" width="target">
      <Menu.Target>
        <button type="button" className={styles.person}>
          <span className={styles.dot} aria-hidden="true">
            {name.slice(0, 1).toUpperCase()}
          </span>
          <span className={styles.names}>
            <span className={styles.name}>{name}</span>
          </span>
          <IconUpDown />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component={Link} to="/profile" leftSection={<IconPerson />}>
          {t`Profile`}
        </Menu.Item>
        <Menu.Item leftSection={<IconKey />} onClick={onKeys}>
          {t`Keyboard shortcuts`}
        </Menu.Item>
        <Menu.Item component="a" href="/docs" leftSection={<IconCode />}>
          {t`API reference`}
        </Menu.Item>
        <Menu.Item component="a" href="/status" leftSection={<IconInfo />}>
          {t`Service status`}
        </Menu.Item>
        <Menu.Divider />
        <Look />
        <Menu.Divider />
        <Menu.Item leftSection={<IconExit />} onClick={signOut}>
          {t`Sign out`}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
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
    <Menu.Item
      key={value}
      leftSection={<Icon />}
      rightSection={value === colorScheme && <IconCheck />}
      aria-current={value === colorScheme}
      closeMenuOnClick={false}
      onClick={() => setColorScheme(value)}
    >
      {title}
    </Menu.Item>
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
