// What can be done about one delivery.
import { useLingui } from "@lingui/react/macro";
import { ActionIcon } from "@mantine/core";
import type { Shown } from "../../api/client";
import { IconClose, IconRefresh } from "../../ui/icons";
import { useTryNow } from "./changes";
import styles from "./queue.module.css";

interface Props {
  of: Shown["Queued"];
  onCancel: (id: string) => void;
}

export function RowActions({ of: { id, state, destination }, onCancel }: Props) {
  const { t } = useLingui();
  const tryNow = useTryNow();
  if (state === "in-progress") return null;
  return (
    <span className={styles.actions}>
      {state === "waiting" && (
        <ActionIcon
          title={t`Try now`}
          aria-label={t`Try ${destination} now`}
          onClick={() => tryNow({ delivery_ids: [id] }, 1)}
        >
          <IconRefresh />
        </ActionIcon>
      )}
      <ActionIcon
        title={t`Cancel delivery`}
        aria-label={t`Cancel delivery to ${destination}`}
        onClick={() => onCancel(id)}
      >
        <IconClose />
      </ActionIcon>
    </span>
  );
}
