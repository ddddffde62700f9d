// What the list of destinations shows of each.
import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import type { Shown } from "../../api/client";
import { number } from "../../data/figures";
import type { Column } from "../../ui/table/columns";
import { When } from "../../ui/When";
import { DestinationState } from "../aliases/DestinationState";
import { AskAgain } from "./AskAgain";

export type Listed = Shown["ListedDestination"];

const URGENCY: Record<Listed["state"], number> = { failing: 0, unconfirmed: 1, stopped: 2, confirmed: 3 };

export function useColumns(mayWrite: boolean): Column<Listed>[] {
  const { t } = useLingui();
  return useMemo(
    (): Column<Listed>[] => [
      {
        id: "address",
        title: t`Destination`,
        isMain: true,
        sort: ({ address }) => address,
        cell: ({ id, address }) => (
          <Link to="/destinations" search={(old) => ({ ...old, open: id })} tabIndex={-1}>
            {address}
          </Link>
        ),
      },
      {
        id: "state",
        title: t`State`,
        width: "14rem",
        sort: ({ state }) => URGENCY[state],
        cell: ({ state }) => <DestinationState state={state} plain={state === "confirmed"} />,
      },
      { id: "since", title: t`Since`, width: "8rem", isExtra: true, cell: (row) => <Since of={row} /> },
      {
        id: "aliases",
        title: t`Aliases`,
        width: "6rem",
        align: "end",
        sort: ({ alias_count }) => alias_count,
        cell: ({ id, alias_count }) =>
          alias_count === 0 ? (
            <span className="soft">0</span>
          ) : (
            <Link to="/aliases" search={{ destination_id: id }}>
              {number(alias_count)}
            </Link>
          ),
      },
      ...(mayWrite
        ? [
            {
              id: "do",
              title: "",
              width: "7rem",
              align: "end" as const,
              isExtra: true,
              cell: (row: Listed) => row.state === "unconfirmed" && <AskAgain destination={row} />,
            },
          ]
        : []),
    ],
    [t, mayWrite],
  );
}

/** Of the state: asked, confirmed, failing. */
export function Since({ of }: { of: Shown["Destination"] }) {
  const { state, asked_at, confirmed_at, failing_since } = of;
  const at = { unconfirmed: asked_at, confirmed: confirmed_at, failing: failing_since, stopped: null }[state];
  if (at === null) return null;
  return (
    <span className="soft">
      {state === "unconfirmed" ? (
        <Trans>
          asked <When at={at} />
        </Trans>
      ) : (
        <When at={at} />
      )}
    </span>
  );
}
