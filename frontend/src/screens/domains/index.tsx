// All domains of the account: how each is, and what to do next.
import { plural } from "@lingui/core/macro";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { $api } from "../../api/client";
import { useList } from "../../api/lists";
import { useSession } from "../../api/session";
import { EmptyState } from "../../ui/EmptyState";
import { FilterBar } from "../../ui/FilterBar";
import { IconDomain, IconPlus } from "../../ui/icons";
import { Page } from "../../ui/Page";
import { DataTable } from "../../ui/table/DataTable";
import { UpgradeButton } from "../../ui/UpgradeButton";
import { AddDialog } from "./AddDialog";
import { useColumns } from "./columns";

const route = getRouteApi("/domains");
/** Fewer are seen at one glance. */
const MANY = 12;

export default function Screen() {
  const { t } = useLingui();
  const { q, add } = route.useSearch();
  const navigate = useNavigate();
  const { can } = useSession();
  const list = useList("/v1/domains", { limit: 100 });
  const { hasMore, isMore, more } = list;
  useEffect(() => {
    if (q !== undefined && hasMore && !isMore) more();
  });
  const rows = q === undefined ? list.rows : list.rows.filter(({ name }) => name.includes(q.toLowerCase()));
  const search = (next: { q?: string | undefined; add?: "1" | undefined }) =>
    void navigate({ to: "/domains", search: next, replace: true });
  const mayAdd = can("domains:write");
  const isFirst = !list.isPending && list.problem === null && list.rows.length === 0;
  return (
    <Page title={t`Domains`} actions={mayAdd && !isFirst && <Add onAdd={() => search({ q, add: "1" })} />}>
      {(list.rows.length > MANY || q !== undefined) && (
        <FilterBar
          q={q}
          onSearch={(next) => search({ q: next })}
          placeholder={t`Search domains`}
          onClear={q === undefined ? undefined : () => search({})}
        />
      )}
      <DataTable
        label={t`Domains`}
        columns={useColumns()}
        list={{ ...list, rows }}
        rowKey={({ id }) => id}
        onOpen={({ id }) => void navigate({ to: "/domains/$domainId", params: { domainId: id } })}
        empty={q === undefined ? <NoDomains mayAdd={mayAdd} /> : <NoneCalled q={q} />}
      />
      {add === "1" && mayAdd && (
        <AddDialog
          onClose={() => search({ q })}
          onAdded={({ id }) =>
            void navigate({ to: "/domains/$domainId/dns", params: { domainId: id }, replace: true })
          }
        />
      )}
    </Page>
  );
}

/** Where the plan has no room, what would give it. */
function Add({ onAdd }: { onAdd: () => void }) {
  const account = $api.useQuery("get", "/v1/account");
  const { limits, usage } = account.data ?? {};
  if (limits && usage && usage.domains >= limits.domains) {
    return (
      <UpgradeButton
        what={plural(limits.domains, { one: "domain", other: "domains" })}
        limit={limits.domains}
      />
    );
  }
  return (
    <Button variant="filled" leftSection={<IconPlus />} onClick={onAdd}>
      <Trans>Add a domain</Trans>
    </Button>
  );
}

function NoDomains({ mayAdd }: { mayAdd: boolean }) {
  const { t } = useLingui();
  return (
    <EmptyState
      icon={IconDomain}
      title={t`No domain yet`}
      action={
        mayAdd && (
          <Button variant="filled" renderRoot={(props) => <Link to="/welcome" {...props} />}>
            <Trans>Set up the first domain</Trans>
          </Button>
        )
      }
    >
      {mayAdd ? (
        <Trans>Mail for your domain is forwarded to the inboxes you have.</Trans>
      ) : (
        <Trans>Your role may look, not add. Ask an admin of the account.</Trans>
      )}
    </EmptyState>
  );
}

function NoneCalled({ q }: { q: string }) {
  const { t } = useLingui();
  return (
    <EmptyState
      icon={IconDomain}
      title={t`No domain is called that`}
      action={
        <Link to="/domains">
          <Trans>Show all</Trans>
        </Link>
      }
    >
      <Trans>You searched for “{q}”.</Trans>
    </EmptyState>
  );
}
