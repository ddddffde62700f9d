// Aliases of all domains: found at once, changed one by one or many together.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { getRouteApi } from "@tanstack/react-router";
import { useMemo } from "react";
import { $api } from "../../api/client";
import { useSession } from "../../api/session";
import { number } from "../../data/figures";
import { useCommands } from "../../shell/commands";
import { IconDownload, IconPlus } from "../../ui/icons";
import { Page } from "../../ui/Page";
import { AliasList } from "./AliasList";
import { ImportDialog } from "./csv/ImportDialog";
import { NewAlias } from "./NewAlias";

const route = getRouteApi("/aliases");

export default function Screen() {
  const { t } = useLingui();
  const session = useSession();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const domains = $api.useQuery("get", "/v1/domains", { params: { query: { limit: 100 } } });
  const mayWrite = session.can("aliases:write");
  const held = domains.data?.data ?? [];
  const count = held.reduce((sum, { alias_count }) => sum + alias_count, 0);
  const commands = useMemo(
    () =>
      mayWrite
        ? [
            {
              id: "aliases-import",
              title: t`Import aliases from CSV`,
              group: t`Do`,
              run: () => void navigate({ search: (old) => ({ ...old, import: "1" as const }) }),
            },
          ]
        : [],
    [mayWrite, navigate, t],
  );
  useCommands(commands);
  const open = (what: "add" | "import", isOpen: boolean) =>
    void navigate({
      search: ({ [what]: _, ...old }) => (isOpen ? { ...old, [what]: "1" as const } : old),
      replace: true,
    });
  const total = number(count);
  return (
    <Page
      title={t`Aliases`}
      mark={count > 0 && <span className="soft">{total}</span>}
      actions={
        <>
          {count > 0 && (
            <Button component="a" href="/v1/aliases/export" download leftSection={<IconDownload />}>
              <Trans>Export CSV</Trans>
            </Button>
          )}
          {mayWrite && (
            <Button onClick={() => open("import", true)}>
              <Trans>Import CSV</Trans>
            </Button>
          )}
          {mayWrite && held.length > 0 && (
            <Button
              variant="filled"
              leftSection={<IconPlus />}
              aria-expanded={search.add === "1"}
              onClick={() => open("add", search.add !== "1")}
            >
              <Trans>Create alias</Trans>
            </Button>
          )}
        </>
      }
    >
      {search.add === "1" && mayWrite && held.length > 0 && (
        <NewAlias domains={held} domainId={search.domain_id} onClose={() => open("add", false)} />
      )}
      <AliasList domains={domains.data?.data} />
      {search.import === "1" && mayWrite && (
        <ImportDialog domains={held} onClose={() => open("import", false)} />
      )}
    </Page>
  );
}
