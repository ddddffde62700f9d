// Messages, newest first, with a live top that never moves rows under a reader. Of one domain: a filter says so.
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { type FocusEvent, type ReactNode, useMemo, useState } from "react";
import { IconUp } from "../../ui/icons";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { At, When } from "../../ui/When";
import { EventBadge } from "./EventBadge";
import type { Message } from "./held";
import styles from "./logs.module.css";
import type { LogFilter } from "./matching";
import { NeighboursOf } from "./neighbours";
import { usePlace, useTail } from "./useTail";

interface Props {
  filter: LogFilter;
  /** The message that is open beside the list. */
  current?: string | undefined;
  empty: ReactNode;
  /** The open message. */
  children?: ReactNode;
}

export function MessageList({ filter, current, empty, children }: Props) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const list = useTail(filter);
  const [isWalked, setWalked] = useState(false);
  const { shown, fresh, toTop } = usePlace(
    JSON.stringify(filter),
    list.rows,
    isWalked || current !== undefined,
  );
  const columns = useColumns(filter);
  const onFocus = ({ target }: FocusEvent) => {
    setWalked(target.closest("tbody") !== null && target.matches(":focus-visible"));
  };
  return (
    <NeighboursOf ids={shown.map(({ id }) => id)}>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: it only watches where the focus is */}
      <div className={styles.list} onFocus={onFocus} onBlur={() => setWalked(false)}>
        <div className={styles.pillPlace} role="status">
          {fresh > 0 && (
            <button type="button" className={styles.pill} onClick={toTop}>
              <IconUp />
              <Plural value={fresh} one="# new" other="# new" />
            </button>
          )}
        </div>
        <DataTable
          label={t`Messages`}
          columns={columns}
          list={{ ...list, rows: shown as Message[], hasMore: list.hasMore && list.back === null }}
          rowKey={({ id }) => id}
          current={current}
          onOpen={({ id }) =>
            void navigate({
              to: "/logs/$messageId",
              params: { messageId: id },
              search: filter,
              resetScroll: false,
            })
          }
          empty={list.back === null ? empty : null}
        />
        {list.back !== null && <SearchedTo back={list.back} isMore={list.isMore} onMore={list.more} />}
      </div>
      {children}
    </NeighboursOf>
  );
}

/** Text is found by opening rows: after a while the search waits to be asked on. */
export function SearchedTo({ back, isMore, onMore }: { back: string; isMore: boolean; onMore: () => void }) {
  const { t } = useLingui();
  return (
    <p className={styles.searched} role="status">
      <Trans>
        Searched back to <At at={back} />
      </Trans>
      <Button size="xs" loading={isMore} onClick={onMore}>{t`Search on`}</Button>
    </p>
  );
}

function useColumns(filter: LogFilter): Column<Message>[] {
  const { t } = useLingui();
  return useMemo(
    () => [
      {
        id: "event",
        title: t`State`,
        width: "8rem",
        cell: ({ last_event }) => <EventBadge type={last_event} plain />,
      },
      {
        id: "subject",
        title: t`Subject`,
        isMain: true,
        cell: ({ id, subject }) => (
          <Link to="/logs/$messageId" params={{ messageId: id }} search={filter} resetScroll={false}>
            {subject === "" ? <span className="soft">{t`No subject`}</span> : subject}
          </Link>
        ),
      },
      { id: "sender", title: t`From`, width: "26%", cell: ({ sender }) => sender },
      { id: "alias", title: t`To`, width: "22%", cell: ({ alias }) => alias },
      {
        id: "at",
        title: t`Received`,
        width: "7rem",
        align: "end",
        cell: ({ received_at }) => <When at={received_at} />,
      },
    ],
    [filter, t],
  );
}
