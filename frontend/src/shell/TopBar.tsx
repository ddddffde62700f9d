// Phones: the navigation folded into a bar.
import { useLingui } from "@lingui/react/macro";
import { ActionIcon } from "@mantine/core";
import { IconClose, IconMenu, IconSearch } from "../ui/icons";
import { Brand } from "./Brand";
import styles from "./frame.module.css";

interface Props {
  isOpen: boolean;
  onToggle: () => void;
  onSearch: () => void;
}

export function TopBar({ isOpen, onToggle, onSearch }: Props) {
  const { t } = useLingui();
  return (
    <header className={styles.bar}>
      <ActionIcon
        size="lg"
        onClick={onToggle}
        aria-expanded={isOpen}
        aria-controls="nav"
        aria-label={isOpen ? t`Close menu` : t`Open menu`}
      >
        {isOpen ? <IconClose /> : <IconMenu />}
      </ActionIcon>
      <Brand />
      <ActionIcon size="lg" ml="auto" onClick={onSearch} aria-label={t`Search and commands`}>
        <IconSearch />
      </ActionIcon>
    </header>
  );
}
