// The timeline of one message, over the list.
import { useLingui } from "@lingui/react/macro";
import { ActionIcon } from "@mantine/core";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect } from "react";
import { $api } from "../../api/client";
import { problemOf } from "../../api/problem";
import { Countdown } from "../../ui/Countdown";
import { Drawer } from "../../ui/Drawer";
import { EmptyState } from "../../ui/EmptyState";
import { IconDown, IconTrash, IconUp } from "../../ui/icons";
import { ProblemNote } from "../../ui/notes";
import { Skeleton } from "../../ui/Skeleton";
import styles from "./logs.module.css";
import { useNeighbours } from "./neighbours";
import { Timeline } from "./Timeline";

const route = getRouteApi("/logs/$messageId");

export default function Message() {
  const { t } = useLingui();
  const { messageId } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const query = $api.useQuery("get", "/v1/logs/messages/{message_id}", {
    params: { path: { message_id: messageId } },
  });
  const isGone = query.error?.code === "gone_by_policy";
  const message = isGone ? undefined : query.data;
  const title = isGone ? t`Deleted by policy` : (message?.subject ?? t`Message`) || t`No subject`;
  useEffect(() => {
    document.title = `${title} · Clearpost`;
    return () => {
      document.title = `${t`Log`} · Clearpost`;
    };
  }, [title, t]);
  const close = () => void navigate({ to: "/logs", search, resetScroll: false });
  return (
    <Drawer
      title={title}
      onClose={close}
      footer={message && <Foot id={messageId} deletedAt={message.deleted_at} />}
    >
      {message !== undefined && <Timeline message={message} />}
      {isGone && <Gone detail={query.error?.detail} />}
      {message === undefined && query.error && !isGone && (
        <ProblemNote
          error={query.error}
          {...(problemOf(query.error).isAway && { again: () => void query.refetch() })}
        />
      )}
      {query.isPending && <Skeleton lines={8} />}
    </Drawer>
  );
}

/** Decided by the time in the id, for everybody's ids: it says nothing of what there was. */
function Gone({ detail }: { detail: string | undefined }) {
  const { t } = useLingui();
  return (
    <EmptyState
      icon={IconTrash}
      title={t`Nothing is kept longer than seven days`}
      action={<Link to="/logs">{t`Show the log`}</Link>}
    >
      {detail}
    </EmptyState>
  );
}

function Foot({ id, deletedAt }: { id: string; deletedAt: string }) {
  const { t } = useLingui();
  const { above, below } = useNeighbours(id);
  const search = route.useSearch();
  const navigate = route.useNavigate();
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const to = { k: above, j: below }[event.key];
      if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof HTMLInputElement) return;
      void navigate({
        to: "/logs/$messageId",
        params: { messageId: to },
        search,
        resetScroll: false,
        replace: true,
      });
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [above, below, navigate, search]);
  const step = (to: string | undefined, label: string, Icon: typeof IconUp) =>
    to !== undefined && (
      <ActionIcon
        aria-label={label}
        renderRoot={(props) => (
          <Link
            {...props}
            to="/logs/$messageId"
            params={{ messageId: to }}
            search={search}
            resetScroll={false}
            replace
          />
        )}
      >
        <Icon />
      </ActionIcon>
    );
  return (
    <div className={styles.foot}>
      <span>
        {t`Deleted in`} <Countdown until={deletedAt} over={t`moments`} />
      </span>
      <span className="row">
        {step(above, t`Newer message (K)`, IconUp)}
        {step(below, t`Older message (J)`, IconDown)}
      </span>
    </div>
  );
}
