// Search for an account: by its name, a domain, or the address of somebody in it.
import { Trans, useLingui } from "@lingui/react/macro";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { planName } from "../../data/plans";
import { EmptyState } from "../../ui/EmptyState";
import { FilterBar } from "../../ui/FilterBar";
import { IconSearch } from "../../ui/icons";
import { Loaded } from "../../ui/Loaded";
import { StateBadge } from "../../ui/StateBadge";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { When } from "../../ui/When";
import { type Found, foundQuery } from "./client";
import { StaffPage } from "./StaffPage";

export default function Accounts() {
  const { t } = useLingui();
  const { q = "" } = useSearch({ from: "/staff/" });
  const navigate = useNavigate({ from: "/staff/" });
  return (
    <StaffPage title={t`Accounts`}>
      {/* Each search is a line in the service's log: it waits for the end of a word. */}
      <FilterBar
        q={q}
        onSearch={(next) => void navigate({ search: { q: next }, replace: true })}
        placeholder={t`Name, domain or address`}
        pause={400}
      />
      {q.length < 2 ? (
        <EmptyState icon={IconSearch} title={t`Look for an account`}>
          <Trans>By its name, one of its domains, or the address of somebody in it.</Trans>
        </EmptyState>
      ) : (
        <Matches q={q} />
      )}
    </StaffPage>
  );
}

function Matches({ q }: { q: string }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const query = useQuery({ ...foundQuery(q), placeholderData: keepPreviousData });
  const columns = useColumns();
  return (
    <Loaded query={query}>
      {({ data }) => (
        <DataTable
          label={t`Accounts`}
          columns={columns}
          rows={data}
          rowKey={({ id }) => id}
          onOpen={({ id }) => void navigate({ to: "/staff/accounts/$accountId", params: { accountId: id } })}
          empty={
            <EmptyState icon={IconSearch} title={t`No such account`}>
              <Trans>Try another part of its name, a domain or an address.</Trans>
            </EmptyState>
          }
        />
      )}
    </Loaded>
  );
}

function useColumns(): Column<Found>[] {
  const { t } = useLingui();
  return useMemo(
    () => [
      {
        id: "name",
        title: t`Account`,
        isMain: true,
        sort: ({ name }) => name,
        // Not fetched on pointing: looking is written down.
        cell: ({ id, name }) => (
          <Link to="/staff/accounts/$accountId" params={{ accountId: id }}>
            {name}
          </Link>
        ),
      },
      {
        id: "state",
        title: t`State`,
        cell: ({ suspended_at: at }) =>
          at === null ? (
            <StateBadge state="ok" plain>{t`Active`}</StateBadge>
          ) : (
            <StateBadge state="paused" plain>{t`Suspended`}</StateBadge>
          ),
      },
      { id: "plan", title: t`Plan`, cell: ({ plan }) => planName(plan) },
      {
        id: "created",
        title: t`Created`,
        align: "end",
        sort: ({ created_at: at }) => at,
        cell: ({ created_at: at }) => <When at={at} />,
      },
    ],
    [t],
  );
}
