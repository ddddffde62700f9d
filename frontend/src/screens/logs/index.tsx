// The log of seven days. A message opens beside its list.
import { useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { getRouteApi, Link, Outlet, useParams } from "@tanstack/react-router";
import { useLive } from "../../api/live";
import { EmptyState } from "../../ui/EmptyState";
import { IconLog } from "../../ui/icons";
import { Page } from "../../ui/Page";
import { Export } from "./Export";
import { Filters } from "./Filters";
import styles from "./logs.module.css";
import { MessageList } from "./MessageList";
import type { LogFilter } from "./matching";

const route = getRouteApi("/logs");

export default function Screen() {
  const { t } = useLingui();
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const { messageId } = useParams({ strict: false });
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  const change = (part: LogFilter) =>
    void navigate({ to: "/logs", search: (before) => ({ ...before, ...part }), replace: true });
  const clear = () => void navigate({ to: "/logs", search: {} });
  return (
    <Page title={t`Log`} mark={<LiveMark />} actions={<Export filter={filter} />}>
      <div className="stack">
        <Filters filter={filter} onChange={change} onClear={isFiltered ? clear : undefined} />
        <MessageList
          filter={filter}
          current={messageId}
          empty={isFiltered ? <NoMatch onClear={clear} /> : <NoMail />}
        >
          <Outlet />
        </MessageList>
      </div>
    </Page>
  );
}

export function LiveMark() {
  const { t } = useLingui();
  const isLive = useLive() === "live";
  return (
    <span className={styles.live} data-live={isLive}>
      {isLive ? t`Live` : t`Connecting`}
    </span>
  );
}

export function NoMatch({ onClear }: { onClear: () => void }) {
  const { t } = useLingui();
  return (
    <EmptyState
      icon={IconLog}
      title={t`No message matches`}
      action={<Button onClick={onClear}>{t`Clear filters`}</Button>}
    >
      {t`The log reaches back seven days. What arrives and matches appears here at once.`}
    </EmptyState>
  );
}

export function NoMail() {
  const { t } = useLingui();
  return (
    <EmptyState
      icon={IconLog}
      title={t`No mail in seven days`}
      action={<Link to="/aliases">{t`Open your aliases`}</Link>}
    >
      {t`Send a test to one of your aliases: it appears here at once.`}
    </EmptyState>
  );
}
