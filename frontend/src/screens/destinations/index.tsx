// The inboxes that mail is forwarded to: which have said yes, which fail, and what forwards there.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, TextInput } from "@mantine/core";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { api } from "../../api/client";
import { useList } from "../../api/lists";
import { useOnceKey } from "../../api/once";
import { useRefresh } from "../../api/refresh";
import { useSession } from "../../api/session";
import { useWhole } from "../../api/whole";
import { EmptyState } from "../../ui/EmptyState";
import { FilterBar } from "../../ui/FilterBar";
import { Form } from "../../ui/Form";
import { IconInbox, IconPlus } from "../../ui/icons";
import { Page } from "../../ui/Page";
import { DataTable } from "../../ui/table/DataTable";
import { useListKeys } from "../../ui/table/useListKeys";
import { toast } from "../../ui/toasts";
import { useColumns } from "./columns";
import { Open } from "./Open";

const route = getRouteApi("/destinations");
/** Fewer are seen at one glance. */
const MANY = 8;

export default function Screen() {
  const { t } = useLingui();
  const { can } = useSession();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const mayWrite = can("aliases:write");
  const list = useWhole(useList("/v1/destinations", { limit: 100 }));
  const columns = useColumns(mayWrite);
  useListKeys();
  const go = (change: Partial<typeof search>) =>
    void navigate({ search: (old) => ({ ...old, ...change }), replace: true, resetScroll: false });
  const { q } = search;
  const rows = useMemo(
    () => list.rows.filter(({ address }) => address.includes((q ?? "").toLowerCase())),
    [list.rows, q],
  );
  const open = list.rows.find(({ id }) => id === search.open);
  const isEmpty = list.rows.length === 0;
  return (
    <Page
      title={t`Destinations`}
      actions={
        mayWrite && (
          <Button
            variant="filled"
            leftSection={<IconPlus />}
            aria-expanded={search.add === "1"}
            onClick={() => go({ add: search.add === "1" ? undefined : "1" })}
          >
            <Trans>Add destination</Trans>
          </Button>
        )
      }
    >
      {search.add === "1" && mayWrite && <Add onClose={() => go({ add: undefined })} />}
      <div className="stack">
        {(list.rows.length > MANY || q !== undefined) && (
          <FilterBar
            q={q}
            onSearch={(next) => go({ q: next })}
            placeholder={t`Search destinations`}
            pause={0}
            onClear={q === undefined ? undefined : () => go({ q: undefined })}
          />
        )}
        <DataTable
          label={t`Destinations`}
          columns={columns}
          list={{ ...list, rows, hasMore: false }}
          rowKey={({ id }) => id}
          current={open?.id}
          onOpen={({ id }) => go({ open: id })}
          empty={
            <EmptyState icon={IconInbox} title={isEmpty ? t`No destinations yet` : t`No destination matches`}>
              {isEmpty ? (
                <Trans>
                  An inbox that aliases forward to. It comes with the{" "}
                  <Link to="/aliases" search={{ add: "1" }}>
                    first alias
                  </Link>
                  , and gets mail once it has said yes.
                </Trans>
              ) : (
                <Trans>Search looks in the address.</Trans>
              )}
            </EmptyState>
          }
        />
      </div>
      {open !== undefined && (
        <Open destination={open} mayWrite={mayWrite} onClose={() => go({ open: undefined })} />
      )}
    </Page>
  );
}

function Add({ onClose }: { onClose: () => void }) {
  const { t } = useLingui();
  const [address, setAddress] = useState("");
  const once = useOnceKey();
  const refresh = useRefresh();
  const submit = async () => {
    const body = { address: address.trim() };
    const header = { "Idempotency-Key": once.key(body) };
    const { data } = await api.POST("/v1/destinations", { body, params: { header } });
    once.done();
    const isAsked = data?.state === "unconfirmed";
    toast({ text: isAsked ? t`${body.address} added, and asked by letter` : t`${body.address} added` });
    onClose();
    await refresh("/v1/destinations");
  };
  return (
    <Form
      verb={t`Add destination`}
      onSubmit={submit}
      isReady={address.trim() !== ""}
      beside={
        <Button variant="subtle" onClick={onClose}>
          <Trans>Cancel</Trans>
        </Button>
      }
    >
      {(error) => (
        <TextInput
          label={t`Address`}
          description={t`It gets a letter, and mail once it has said yes.`}
          type="email"
          placeholder="you@example.net"
          value={address}
          onChange={(event) => setAddress(event.currentTarget.value)}
          error={error("address")}
          autoFocus
          autoComplete="off"
        />
      )}
    </Form>
  );
}
