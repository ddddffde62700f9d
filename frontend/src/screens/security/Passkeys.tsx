// The person's passkeys: added, named, removed.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { $api, api, type Shown } from "../../api/client";
import { useRefresh } from "../../api/refresh";
import { ConfirmDanger } from "../../ui/ConfirmDanger";
import { Dialog } from "../../ui/Dialog";
import { EmptyState } from "../../ui/EmptyState";
import { Fresh, useIsFresh } from "../../ui/Fresh";
import { IconKey, IconPlus } from "../../ui/icons";
import { Loaded } from "../../ui/Loaded";
import { Section } from "../../ui/Page";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { toast } from "../../ui/toasts";
import { When } from "../../ui/When";
import { AddPasskey } from "./AddPasskey";
import { RenamePasskey } from "./RenamePasskey";

export type Passkey = Shown["Passkey"];

export function Passkeys() {
  const { t } = useLingui();
  const query = $api.useQuery("get", "/v1/me/passkeys");
  const search = useSearch({ from: "/security" });
  const navigate = useNavigate({ from: "/security" });
  const [renamed, rename] = useState<Passkey>();
  const columns = useColumns(rename, (key) =>
    navigate({ search: { do: "remove-passkey", passkey: key.id }, resetScroll: false }),
  );
  const close = () => void navigate({ search: {}, resetScroll: false });
  const add = (
    <Button
      leftSection={<IconPlus />}
      onClick={() => void navigate({ search: { do: "add-passkey" }, resetScroll: false })}
    >
      <Trans>Add passkey</Trans>
    </Button>
  );
  const keys = query.data?.data ?? [];
  const removed = keys.find(({ id }) => id === search.passkey);
  return (
    <Section title={t`Passkeys`} actions={keys.length > 0 && add}>
      <Loaded query={query} lines={2}>
        {({ data }) => (
          <DataTable
            label={t`Passkeys`}
            columns={columns}
            rows={data}
            rowKey={({ id }) => id}
            empty={
              <EmptyState icon={IconKey} title={t`No passkeys`} action={add}>
                <Trans>Sign in with your device's lock or a security key, without waiting for mail.</Trans>
              </EmptyState>
            }
          />
        )}
      </Loaded>
      {search.do === "add-passkey" && <AddPasskey onClose={close} />}
      {search.do === "remove-passkey" && removed && <Removal passkey={removed} onClose={close} />}
      {renamed !== undefined && <RenamePasskey passkey={renamed} onClose={() => rename(undefined)} />}
    </Section>
  );
}

function useColumns(rename: (key: Passkey) => void, remove: (key: Passkey) => void): Column<Passkey>[] {
  const { t } = useLingui();
  return useMemo(
    () => [
      { id: "name", title: t`Name`, isMain: true, cell: ({ name }) => name },
      { id: "added", title: t`Added`, cell: (key) => <When at={key.created_at} /> },
      {
        id: "used",
        title: t`Last used`,
        cell: (key) => (key.last_used_at ? <When at={key.last_used_at} /> : t`Never`),
      },
      {
        id: "action",
        title: t`Action`,
        isActions: true,
        align: "end",
        cell: (key) => (
          <>
            <Button size="xs" variant="subtle" onClick={() => rename(key)}>
              <Trans>Rename</Trans>
            </Button>{" "}
            <Button size="xs" color="red" onClick={() => remove(key)}>
              <Trans>Remove…</Trans>
            </Button>
          </>
        ),
      },
    ],
    [t, rename, remove],
  );
}

function Removal({ passkey, onClose }: { passkey: Passkey; onClose: () => void }) {
  const { t } = useLingui();
  const refresh = useRefresh();
  const isFresh = useIsFresh();
  const title = t`Remove ${passkey.name}?`;
  if (!isFresh) {
    return (
      <Dialog title={title} onClose={onClose}>
        <Fresh>{null}</Fresh>
      </Dialog>
    );
  }
  const remove = async () => {
    await api.DELETE("/v1/me/passkeys/{passkey_id}", { params: { path: { passkey_id: passkey.id } } });
    await refresh("/v1/me", "/v1/audit");
    toast({ text: t`${passkey.name} removed` });
  };
  return (
    <ConfirmDanger title={title} verb={t`Remove`} onConfirm={remove} onClose={onClose}>
      <p>
        <Trans>It signs you in no more. The device may still list it until you delete it there.</Trans>
      </p>
    </ConfirmDanger>
  );
}
