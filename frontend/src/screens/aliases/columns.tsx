// What the list of aliases shows of each.
import { useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { memo, useMemo } from "react";
import { useChange } from "../../api/change";
import { useSession } from "../../api/session";
import { StateBadge } from "../../ui/StateBadge";
import { Toggle } from "../../ui/Toggle";
import type { Column } from "../../ui/table/columns";
import { When } from "../../ui/When";
import styles from "./aliases.module.css";
import { type Alias, toggle } from "./changes";
import { DestinationState } from "./DestinationState";

export function useColumns(): Column<Alias>[] {
  const { t } = useLingui();
  return useMemo(
    (): Column<Alias>[] => [
      {
        id: "address",
        title: t`Alias`,
        isMain: true,
        width: "32%",
        sort: ({ address }) => address,
        cell: (alias) => <Address alias={alias} />,
      },
      {
        id: "to",
        title: t`Forwards to`,
        sort: ({ destinations }) => destinations[0]?.address ?? "",
        cell: (alias) => <ForwardsTo alias={alias} />,
      },
      {
        id: "note",
        title: t`Note`,
        isExtra: true,
        sort: ({ note }) => note,
        cell: ({ note }) => <span className="soft">{note}</span>,
      },
      {
        id: "created",
        title: t`Created`,
        width: "7.5rem",
        isExtra: true,
        sort: ({ created_at }) => created_at,
        cell: ({ created_at }) => (
          <span className="soft">
            <When at={created_at} />
          </span>
        ),
      },
      {
        id: "state",
        title: t`Active`,
        width: "8rem",
        align: "end",
        sort: ({ enabled, paused_at }) => Number(enabled && paused_at === null),
        cell: (alias) => <Active alias={alias} />,
      },
    ],
    [t],
  );
}

/** Of a row: scrolling past must not draw it anew. */
const Address = memo(function Address({ alias }: { alias: Alias }) {
  const { t } = useLingui();
  const [, domain] = alias.address.split(/@(?=[^@]*$)/);
  return (
    <>
      <Link to="/aliases/$aliasId" params={{ aliasId: alias.id }} tabIndex={-1} className={styles.address}>
        {alias.local_part}
        <span className="soft">@{domain}</span>
      </Link>
      {alias.local_part === "*" && <span className={styles.tag}>{t`Catch-all`}</span>}
    </>
  );
});

const ForwardsTo = memo(function ForwardsTo({ alias: { destinations } }: { alias: Alias }) {
  const { t } = useLingui();
  // What needs somebody's attention is named first.
  const [first] = destinations.toSorted((a, b) => rank(b.state) - rank(a.state));
  if (first === undefined) return null;
  const more = destinations.length - 1;
  const all = destinations.map(({ address }) => address).join(", ");
  return (
    <span className={styles.to} title={all}>
      <span className={styles.inbox}>{first.address}</span>
      {more > 0 && <span className="soft">{t`+${more}`}</span>}
      {first.state !== "confirmed" && <DestinationState state={first.state} plain />}
    </span>
  );
});

function rank(state: Alias["destinations"][number]["state"]): number {
  return state === "confirmed" ? 0 : 1;
}

/** A switch for who may write; else the state in words. */
const Active = memo(function Active({ alias }: { alias: Alias }) {
  const { t } = useLingui();
  const session = useSession();
  const change = useChange(toggle);
  const isByPlan = alias.paused_at !== null;
  const address = alias.address;
  return (
    <span className={styles.active}>
      {isByPlan && <StateBadge state="paused" plain>{t`By plan`}</StateBadge>}
      {!alias.enabled && !isByPlan && <StateBadge state="paused" plain />}
      {session.can("aliases:write") ? (
        <Toggle label={t`${address} is active`} isOn={alias.enabled} onChange={() => void change(alias)} />
      ) : (
        alias.enabled && !isByPlan && <StateBadge state="ok" plain>{t`Active`}</StateBadge>
      )}
    </span>
  );
});
