// What the staff pages share: their tabs, who is signed in as staff, and the way out.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { problemOf } from "../../api/problem";
import { queries } from "../../api/queries";
import { Page } from "../../ui/Page";
import { Tabs } from "../../ui/Tabs";
import { toast } from "../../ui/toasts";
import { meQuery, send } from "./client";

interface Props {
  title: string;
  mark?: ReactNode;
  above?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

export function StaffPage({ title, mark, above, actions, children }: Props) {
  const { t } = useLingui();
  const { data: me } = useQuery(meQuery);
  return (
    <Page
      title={title}
      mark={mark}
      above={above}
      lead={above === undefined && me !== undefined && <Trans>Signed in as {me.email}</Trans>}
      actions={actions ?? <Button onClick={signOut}>{t`Sign out of staff`}</Button>}
    >
      {above === undefined && (
        <Tabs
          label={t`Staff`}
          tabs={[
            { to: "/staff", title: t`Accounts`, exact: true },
            { to: "/staff/grants", title: t`Grants` },
            { to: "/staff/queue", title: t`Queue health` },
            { to: "/staff/canary", title: t`Canary` },
            { to: "/staff/audit", title: t`Service log` },
          ]}
        />
      )}
      {children}
    </Page>
  );
}

async function signOut(): Promise<void> {
  try {
    await send("DELETE", "/session");
    queries.removeQueries({ queryKey: ["staff"], predicate: ({ queryKey }) => queryKey[1] !== "me" });
    await queries.resetQueries({ queryKey: meQuery.queryKey });
  } catch (error) {
    toast({ text: problemOf(error).detail, tone: "bad" });
  }
}
