// Browsers that are signed in as this person, and ending them.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useMemo, useState } from "react";
import { $api, api, type Shown } from "../../api/client";
import { problemOf } from "../../api/problem";
import { useRefresh } from "../../api/refresh";
import { ConfirmDanger } from "../../ui/ConfirmDanger";
import { Loaded } from "../../ui/Loaded";
import { Section } from "../../ui/Page";
import { StateBadge } from "../../ui/StateBadge";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { toast } from "../../ui/toasts";
import { When } from "../../ui/When";

type Browser = Shown["Session"];

export function Sessions() {
  const { t } = useLingui();
  const query = $api.useQuery("get", "/v1/me/sessions", undefined, { staleTime: 0 });
  const [isAsked, ask] = useState(false);
  const refresh = useRefresh();
  const columns = useColumns();
  const hasOthers = (query.data?.data.length ?? 0) > 1;
  const endOthers = async () => {
    await api.DELETE("/v1/me/sessions");
    await refresh("/v1/me/sessions");
    toast({ text: t`Signed out everywhere else` });
  };
  return (
    <Section
      title={t`Signed in`}
      actions={
        hasOthers && (
          <Button color="red" onClick={() => ask(true)}>
            <Trans>Sign out everywhere else…</Trans>
          </Button>
        )
      }
    >
      <Loaded query={query} lines={2}>
        {({ data }) => (
          <DataTable
            label={t`Signed in`}
            columns={columns}
            rows={data}
            rowKey={({ id }) => id}
            empty={null}
          />
        )}
      </Loaded>
      {isAsked && (
        <ConfirmDanger
          title={t`Sign out everywhere else?`}
          verb={t`Sign out`}
          onConfirm={endOthers}
          onClose={() => ask(false)}
        >
          <p>
            <Trans>All other browsers are out at their next click. This one stays.</Trans>
          </p>
        </ConfirmDanger>
      )}
    </Section>
  );
}

function useColumns(): Column<Browser>[] {
  const { t } = useLingui();
  const end = useEnding();
  return useMemo(() => {
    const ways = { link: t`Link by mail`, provider: t`Provider`, passkey: t`Passkey` };
    return [
      {
        id: "device",
        title: t`Browser`,
        isMain: true,
        cell: ({ device, current }) => (
          <span className="row">
            {device}
            {current && <StateBadge state="ok">{t`This one`}</StateBadge>}
          </span>
        ),
      },
      { id: "way", title: t`Signed in by`, cell: ({ method }) => ways[method] },
      { id: "since", title: t`Since`, cell: (each) => <When at={each.created_at} /> },
      { id: "seen", title: t`Last seen`, cell: (each) => <When at={each.last_seen_at} /> },
      {
        id: "action",
        title: t`Action`,
        isActions: true,
        align: "end",
        cell: (each) =>
          !each.current && (
            <Button size="xs" color="red" onClick={() => void end(each)}>
              <Trans>Sign out</Trans>
            </Button>
          ),
      },
    ];
  }, [t, end]);
}

/** At once: waiting for an undo would leave a thief in. */
function useEnding() {
  const { t } = useLingui();
  const refresh = useRefresh();
  return async (each: Browser) => {
    try {
      await api.DELETE("/v1/me/sessions/{session_id}", { params: { path: { session_id: each.id } } });
      toast({ text: t`${each.device} signed out` });
    } catch (error) {
      toast({ text: problemOf(error).detail, tone: "bad" });
    }
    void refresh("/v1/me/sessions");
  };
}
