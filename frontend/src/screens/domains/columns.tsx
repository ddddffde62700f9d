// What the list tells of each domain.
import { useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { number } from "../../data/figures";
import type { Column } from "../../ui/table/columns";
import { When } from "../../ui/When";
import { DomainBadge } from "../domain/DomainBadge";
import { type Domain, nextStep } from "../domain/health";

export function useColumns(): Column<Domain>[] {
  const { t } = useLingui();
  return useMemo(
    () => [
      {
        id: "name",
        title: t`Domain`,
        isMain: true,
        width: "30%",
        sort: ({ name }) => name,
        cell: ({ id, name }) => (
          <Link to="/domains/$domainId" params={{ domainId: id }}>
            {name}
          </Link>
        ),
      },
      {
        id: "state",
        title: t`State`,
        sort: ({ state }) => state,
        cell: (row) => <DomainBadge domain={row} />,
      },
      { id: "next", title: t`Next`, cell: (row) => <Next domain={row} /> },
      {
        id: "checked",
        title: t`Last check`,
        width: "9rem",
        align: "end",
        sort: ({ checked_at }) => checked_at ?? "",
        cell: ({ checked_at }) => (checked_at === null ? "–" : <When at={checked_at} />),
      },
      {
        id: "aliases",
        title: t`Aliases`,
        align: "end",
        width: "6rem",
        sort: ({ alias_count }) => alias_count,
        cell: ({ alias_count }) => number(alias_count),
      },
    ],
    [t],
  );
}

function Next({ domain }: { domain: Domain }) {
  const { i18n } = useLingui();
  const step = nextStep(domain);
  if (step === undefined) return "–";
  return (
    <Link to={step.to} params={{ domainId: domain.id }}>
      {i18n._(step.words)}
    </Link>
  );
}
