// What customers let us look at now, those that end first first.
import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import { Countdown } from "../../ui/Countdown";
import { EmptyState } from "../../ui/EmptyState";
import { IconLock } from "../../ui/icons";
import { Loaded } from "../../ui/Loaded";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { type Grant, grantsQuery } from "./granted";
import { StaffPage } from "./StaffPage";

export default function Grants() {
  const { t } = useLingui();
  const navigate = useNavigate();
  const query = useQuery(grantsQuery);
  const columns = useColumns();
  return (
    <StaffPage title={t`Grants`}>
      <Loaded query={query}>
        {({ data }) => (
          <DataTable
            label={t`Grants`}
            columns={columns}
            rows={data}
            rowKey={({ id }) => id}
            onOpen={(grant) => void navigate({ to: LOG, ...into(grant) })}
            empty={
              <EmptyState icon={IconLock} title={t`No grant lives`}>
                <Trans>Nobody lets us read a log now. A customer opens that in their portal.</Trans>
              </EmptyState>
            }
          />
        )}
      </Loaded>
    </StaffPage>
  );
}

const LOG = "/staff/accounts/$accountId/log";
const into = ({ account_id: accountId, id }: Grant) => ({ params: { accountId }, search: { grant: id } });

function useColumns(): Column<Grant>[] {
  const { t } = useLingui();
  return useMemo(
    () => [
      {
        id: "account",
        title: t`Account`,
        isMain: true,
        sort: ({ account }) => account,
        cell: (grant) => (
          <Link to={LOG} {...into(grant)}>
            {grant.account}
          </Link>
        ),
      },
      { id: "why", title: t`What to look for`, cell: ({ reason }) => reason },
      { id: "domains", title: t`Domains`, cell: ({ domains }) => domainsOf(domains) ?? t`All` },
      { id: "by", title: t`Opened by`, isExtra: true, cell: ({ opened_by: by }) => by },
      {
        id: "left",
        title: t`Ends in`,
        align: "end",
        sort: ({ expires_at: at }) => at,
        cell: ({ expires_at: at }) => <Countdown until={at} over={t`a moment`} />,
      },
    ],
    [t],
  );
}

export function domainsOf(domains: Grant["domains"]): string | undefined {
  return domains?.map(({ name }) => name).join(", ");
}
