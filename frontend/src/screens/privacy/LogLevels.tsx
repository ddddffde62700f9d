// How much the log keeps of each domain's mail, changed in place.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { useList } from "../../api/lists";
import { useSession } from "../../api/session";
import { useWhole } from "../../api/whole";
import { LOG_LEVELS, type LogLevel } from "../../data/logLevels";
import { EmptyState } from "../../ui/EmptyState";
import { IconDomain } from "../../ui/icons";
import { Section } from "../../ui/Page";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { useChoice } from "../domain/choices";
import type { Domain } from "../domain/health";
import { LogLevelSelect } from "../domain/LogLevelSelect";
import styles from "./privacy.module.css";

export function LogLevels() {
  const { t } = useLingui();
  const list = useWhole(useList("/v1/domains", {}));
  const columns = useColumns();
  return (
    <Section
      title={t`What the log keeps`}
      lead={<Trans>Of mail from now on; what the log has already stays its 7 days.</Trans>}
    >
      <DataTable
        label={t`What the log keeps`}
        columns={columns}
        list={list}
        rowKey={({ id }) => id}
        empty={
          <EmptyState
            icon={IconDomain}
            title={t`No domains`}
            action={
              <Button component={Link} to="/domains">
                <Trans>Domains</Trans>
              </Button>
            }
          >
            <Trans>Each domain's log keeps as much as you choose for it.</Trans>
          </EmptyState>
        }
      />
    </Section>
  );
}

function useColumns(): Column<Domain>[] {
  const { t, i18n } = useLingui();
  return useMemo(
    () => [
      {
        id: "domain",
        title: t`Domain`,
        isMain: true,
        width: "28%",
        cell: ({ id, name }) => (
          <Link to="/domains/$domainId/settings" params={{ domainId: id }}>
            {name}
          </Link>
        ),
      },
      { id: "level", title: t`Level`, width: "11rem", cell: (domain) => <Level domain={domain} /> },
      {
        id: "about",
        title: t`Kept`,
        isExtra: true,
        cell: ({ log_level }) => <span className="soft">{i18n._(LOG_LEVELS[log_level].about)}</span>,
      },
    ],
    [t, i18n],
  );
}

function Level({ domain }: { domain: Domain }) {
  const { t, i18n } = useLingui();
  const may = useSession().can("domains:write");
  const choose = useChoice(domain);
  const name = (level: LogLevel) => i18n._(LOG_LEVELS[level].name);
  if (!may) return name(domain.log_level);
  return (
    <LogLevelSelect
      size="xs"
      className={styles.level ?? ""}
      aria-label={t`Log level of ${domain.name}`}
      value={domain.log_level}
      onChange={(level) => void choose({ log_level: level }, t`${domain.name}: ${name(level)}, from now on`)}
    />
  );
}
