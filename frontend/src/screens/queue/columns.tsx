// The columns of the queue. The next try counts down in its row.
import { useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { useMemo, useRef } from "react";
import type { Shown } from "../../api/client";
import { Countdown } from "../../ui/Countdown";
import { StateBadge } from "../../ui/StateBadge";
import type { Column } from "../../ui/table/columns";
import { When } from "../../ui/When";
import styles from "./queue.module.css";
import { RowActions } from "./RowActions";

type Queued = Shown["Queued"];

/** `hasLanes`: there is more than one to tell apart. */
export function useColumns(
  may: boolean,
  hasLanes: boolean,
  onCancel: (id: string) => void,
): Column<Queued>[] {
  const { t } = useLingui();
  const cancel = useRef(onCancel);
  cancel.current = onCancel;
  return useMemo(() => {
    const columns: Column<Queued>[] = [
      { id: "next", title: t`Next try`, width: "8rem", cell: (row) => <NextTry of={row} /> },
      {
        id: "to",
        title: t`Destination`,
        isMain: true,
        cell: ({ message_id: messageId, destination }) => (
          <Link to="/logs/$messageId" params={{ messageId }} search={{}}>
            {destination}
          </Link>
        ),
      },
      { id: "alias", title: t`Alias`, width: "17%", cell: ({ alias }) => alias },
      { id: "why", title: t`Last answer`, width: "25%", cell: (row) => <Why of={row} /> },
      { id: "attempts", title: t`Tries`, align: "end", width: "3.5rem", cell: ({ attempt }) => attempt },
      { id: "lane", title: t`Lane`, width: "5rem", isExtra: true, cell: ({ lane }) => lane },
      {
        id: "since",
        title: t`Since`,
        align: "end",
        width: "5.5rem",
        cell: ({ since }) => <When at={since} />,
      },
    ];
    const shown = columns.filter(({ id }) => id !== "lane" || hasLanes);
    if (!may) return shown;
    const actions: Column<Queued> = {
      id: "actions",
      title: "",
      align: "end",
      width: "5rem",
      cell: (row) => <RowActions of={row} onCancel={(id) => cancel.current(id)} />,
    };
    return [...shown, actions];
  }, [may, hasLanes, t]);
}

function NextTry({ of: { state, next_attempt_at: next } }: { of: Queued }) {
  const { t } = useLingui();
  if (state === "held") return <StateBadge state="paused" plain>{t`Held`}</StateBadge>;
  if (state === "in-progress" || next === null)
    return <StateBadge state="waiting" plain>{t`Trying now`}</StateBadge>;
  return (
    <StateBadge state="waiting" plain>
      <Countdown until={next} over={t`Due`} />
    </StateBadge>
  );
}

/** The words first; what the server said is on pointing, and whole in the timeline. */
function Why({ of: { reason, last_attempt: last } }: { of: Queued }) {
  if (last === null) return <span className="soft">{reason}</span>;
  return (
    <span title={last.response}>
      {last.code !== "" && <code className={styles.code}>{last.code}</code>} {reason}
    </span>
  );
}
