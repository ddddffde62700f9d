// Each domain: how it is, why, and the way to where that is mended. What is not well comes first.
import { Trans, useLingui } from "@lingui/react/macro";
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import { number } from "../../data/figures";
import { Section } from "../../ui/Page";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { DomainBadge } from "../domain/DomainBadge";
import { type Domain, nextStep } from "../domain/health";
import { causeOf, worstFirst } from "./causes";

const MOST = 8;

export function Health({ domains }: { domains: Domain[] }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const rows = useMemo(() => worstFirst(domains).slice(0, MOST), [domains]);
  const count = number(domains.length);
  return (
    <Section
      title={t`Domains`}
      actions={
        domains.length > MOST && (
          <Link to="/domains">
            <Trans>All {count}</Trans>
          </Link>
        )
      }
    >
      <DataTable
        label={t`Domains`}
        columns={useColumns()}
        rows={rows}
        rowKey={({ id }) => id}
        onOpen={({ id }) => void navigate({ to: "/domains/$domainId", params: { domainId: id } })}
        empty={null}
      />
    </Section>
  );
}

function useColumns(): Column<Domain>[] {
  const { t } = useLingui();
  return useMemo(
    () => [
      {
        id: "name",
        title: t`Domain`,
        isMain: true,
        cell: ({ id, name }) => (
          <Link to="/domains/$domainId" params={{ domainId: id }}>
            {name}
          </Link>
        ),
      },
      { id: "state", title: t`State`, width: "11rem", cell: (row) => <DomainBadge domain={row} /> },
      { id: "cause", title: t`Cause`, cell: (row) => <Cause domain={row} /> },
      {
        id: "aliases",
        title: t`Aliases`,
        align: "end",
        width: "5rem",
        isExtra: true,
        cell: ({ alias_count: count }) => number(count),
      },
    ],
    [t],
  );
}

function Cause({ domain }: { domain: Domain }) {
  const { i18n } = useLingui();
  const step = nextStep(domain);
  if (step === undefined) return "–";
  return (
    <Link to={step.to} params={{ domainId: domain.id }}>
      {causeOf(domain) ?? i18n._(step.words)}
    </Link>
  );
}
