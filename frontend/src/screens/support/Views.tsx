// Each look of our staff: who, when, and which messages they saw; and each attempt that was refused.
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import type { Shown } from "../../api/client";
import { useList } from "../../api/lists";
import { EmptyState } from "../../ui/EmptyState";
import { IconLog } from "../../ui/icons";
import { Section } from "../../ui/Page";
import { StateBadge } from "../../ui/StateBadge";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { At } from "../../ui/When";
import styles from "./support.module.css";

type View = Shown["SupportView"];
const SHORT = 8;

export function Views() {
  const { t } = useLingui();
  const list = useList("/v1/support/views", {});
  const columns = useColumns();
  return (
    <Section title={t`What they looked at`}>
      <DataTable
        label={t`What they looked at`}
        columns={columns}
        list={list}
        rowKey={({ id }) => id}
        empty={
          <EmptyState icon={IconLog} title={t`Nobody looked`}>
            <Trans>Each look appears here at once, and stays for 30 days.</Trans>
          </EmptyState>
        }
      />
    </Section>
  );
}

function useColumns(): Column<View>[] {
  const { t } = useLingui();
  return useMemo(
    () => [
      { id: "at", title: t`When`, cell: ({ at }) => <At at={at} /> },
      { id: "who", title: t`Who`, isMain: true, cell: ({ staff }) => staff },
      {
        id: "state",
        title: t`State`,
        cell: ({ state }) =>
          state === "viewed" ? (
            <StateBadge state="ok" plain>{t`As you let them`}</StateBadge>
          ) : (
            <StateBadge state="off" plain>{t`Refused`}</StateBadge>
          ),
      },
      { id: "what", title: t`What`, cell: (view) => <What of={view} /> },
      {
        id: "by",
        title: t`Filtered by`,
        isExtra: true,
        cell: ({ filters }) => (
          <span className="soft">{filters.join(", ").replace(/_(id|type)/g, "") || "–"}</span>
        ),
      },
    ],
    [t],
  );
}

function What({ of: view }: { of: View }) {
  const { message_ids: ids, state, what } = view;
  if (what === "message" && ids[0] !== undefined) {
    return state === "viewed" ? (
      <Trans>
        Message <Named id={ids[0]} />
      </Trans>
    ) : (
      <Trans>A message that they asked for by its id</Trans>
    );
  }
  if (state === "refused") return <Trans>List of messages</Trans>;
  if (ids.length === 0) return <Trans>List of messages: none matched</Trans>;
  return (
    <details className={styles.seen}>
      <summary>
        <Plural value={ids.length} one="List of # message" other="List of # messages" />
      </summary>
      <ul>
        {ids.map((id) => (
          <li key={id}>
            <Named id={id} />
          </li>
        ))}
      </ul>
    </details>
  );
}

/** Its subject is not kept here: the log has it, for as long as that lasts. */
function Named({ id }: { id: string }) {
  return (
    <Link to="/logs/$messageId" params={{ messageId: id }} search={{}}>
      <code>{id.slice(-SHORT)}</code>
    </Link>
  );
}
