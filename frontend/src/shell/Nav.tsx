// The way through the portal: account, places, person.
import { useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { useEffect } from "react";
import { useSession } from "../api/session";
import { IconSearch } from "../ui/icons";
import { KeyHint } from "../ui/KeyHint";
import { AccountSwitcher } from "./AccountSwitcher";
import { Brand } from "./Brand";
import frame from "./frame.module.css";
import styles from "./nav.module.css";
import { PersonMenu } from "./PersonMenu";
import { type Place, placesOf } from "./places";

interface Props {
  isOpen: boolean;
  onClose: () => void;
  onSearch: () => void;
  onKeys: () => void;
}

export function Nav({ isOpen, onClose, onSearch, onKeys }: Props) {
  const { t } = useLingui();
  const session = useSession();
  const places = placesOf(session);
  useEscape(isOpen, onClose);
  const group = (name: Place["group"]) => places.filter((each) => each.group === name);
  return (
    <nav id="nav" className={frame.side} data-open={isOpen} aria-label={t`Main`}>
      <div className={styles.head}>
        <Brand />
      </div>
      <AccountSwitcher />
      <button type="button" className={styles.search} onClick={onSearch}>
        <IconSearch />
        <span>{t`Search`}</span>
        <KeyHint keys="mod+k" />
      </button>
      <Places places={group("mail")} onGo={onClose} />
      <Places title={t`Delivery`} places={group("log")} onGo={onClose} />
      <Places title={t`Account`} places={group("account")} onGo={onClose} />
      {group("staff").length > 0 && <Places title={t`Staff`} places={group("staff")} onGo={onClose} />}
      <div className={styles.foot}>
        <PersonMenu onKeys={onKeys} />
      </div>
    </nav>
  );
}

function Places({ title, places, onGo }: { title?: string; places: Place[]; onGo: () => void }) {
  const { i18n } = useLingui();
  return (
    <div>
      {title !== undefined && <p className={styles.group}>{title}</p>}
      <ul className={styles.places}>
        {places.map(({ to, title: name, icon: Icon }) => (
          <li key={to}>
            <Link to={to} className={styles.place} onClick={onGo} activeProps={{ "aria-current": "page" }}>
              <Icon />
              {i18n._(name)}
            </Link>
          </li>
        ))}
      </ul>
    </div>
  );
}

function useEscape(isOpen: boolean, close: () => void): void {
  useEffect(() => {
    if (!isOpen) return;
    const onKey = (event: KeyboardEvent) => event.key === "Escape" && close();
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [isOpen, close]);
}
