// The other ways to sign in: the link by mail, which is always there, and providers.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { api, type Shown } from "../../api/client";
import { useRefresh } from "../../api/refresh";
import { useSession } from "../../api/session";
import { ConfirmDanger } from "../../ui/ConfirmDanger";
import { Dialog } from "../../ui/Dialog";
import { Fresh, useIsFresh } from "../../ui/Fresh";
import { Section } from "../../ui/Page";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { toast } from "../../ui/toasts";
import { When } from "../../ui/When";

type Identity = Shown["Identity"];
/** `identity` is null for the link by mail. */
interface Way {
  id: string;
  title: string;
  identity: Identity | null;
}

export function WaysIn() {
  const { t } = useLingui();
  const { me } = useSession();
  const search = useSearch({ from: "/security" });
  const navigate = useNavigate({ from: "/security" });
  const columns = useColumns();
  const ways: Way[] = [
    { id: "link", title: t`Link to ${me.email}`, identity: null },
    ...me.identities.map((each) => ({ id: each.id, title: hostOf(each.issuer), identity: each })),
  ];
  const asked = me.identities.find(({ id }) => search.do === "unlink" && id === search.identity);
  return (
    <Section
      title={t`Other ways to sign in`}
      lead={t`A provider is linked by signing in with it, with the same address.`}
    >
      <DataTable
        label={t`Other ways to sign in`}
        columns={columns}
        rows={ways}
        rowKey={({ id }) => id}
        empty={null}
      />
      {asked !== undefined && (
        <Unlink identity={asked} onClose={() => void navigate({ search: {}, resetScroll: false })} />
      )}
    </Section>
  );
}

function hostOf(issuer: string): string {
  return URL.canParse(issuer) ? new URL(issuer).host : issuer;
}

function useColumns(): Column<Way>[] {
  const { t } = useLingui();
  const navigate = useNavigate({ from: "/security" });
  return useMemo(
    () => [
      { id: "way", title: t`Way`, isMain: true, cell: ({ title }) => title },
      {
        id: "linked",
        title: t`Linked`,
        cell: ({ identity }) => (identity ? <When at={identity.created_at} /> : t`Always there`),
      },
      {
        id: "used",
        title: t`Last used`,
        cell: ({ identity }) => identity?.last_used_at && <When at={identity.last_used_at} />,
      },
      {
        id: "action",
        title: t`Action`,
        isActions: true,
        align: "end",
        cell: ({ identity }) =>
          identity && (
            <Button
              size="xs"
              color="red"
              onClick={() =>
                void navigate({ search: { do: "unlink", identity: identity.id }, resetScroll: false })
              }
            >
              <Trans>Unlink…</Trans>
            </Button>
          ),
      },
    ],
    [t, navigate],
  );
}

function Unlink({ identity, onClose }: { identity: Identity; onClose: () => void }) {
  const { t } = useLingui();
  const refresh = useRefresh();
  const isFresh = useIsFresh();
  const title = t`Unlink ${hostOf(identity.issuer)}?`;
  if (!isFresh) {
    return (
      <Dialog title={title} onClose={onClose}>
        <Fresh>{null}</Fresh>
      </Dialog>
    );
  }
  const unlink = async () => {
    const params = { path: { identity_id: identity.id } };
    await api.DELETE("/v1/me/identities/{identity_id}", { params });
    await refresh("/v1/me", "/v1/audit");
    toast({ text: t`${hostOf(identity.issuer)} unlinked` });
  };
  return (
    <ConfirmDanger title={title} verb={t`Unlink`} onConfirm={unlink} onClose={onClose}>
      <p>
        <Trans>It signs you in no more. The link by mail stays.</Trans>
      </p>
    </ConfirmDanger>
  );
}
