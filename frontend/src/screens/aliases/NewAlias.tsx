// A new alias, in the list itself: it stays open, so that the next one is a few keys away.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { $api, api, type Shown } from "../../api/client";
import { useOnceKey } from "../../api/once";
import { Form } from "../../ui/Form";
import { toast } from "../../ui/toasts";
import { UpgradeButton } from "../../ui/UpgradeButton";
import styles from "./aliases.module.css";
import { type Alias, LISTS } from "./changes";
import { DestinationsField, useKnownDestinations } from "./DestinationsField";

interface Props {
  domains: Shown["Domain"][];
  domainId: string | undefined;
  onClose: () => void;
}

export function NewAlias({ domains, domainId, onClose }: Props) {
  const { t } = useLingui();
  const account = $api.useQuery("get", "/v1/account");
  const known = useKnownDestinations();
  const [chosen, setChosen] = useState(domainId ?? domains[0]?.id ?? "");
  const [localPart, setLocalPart] = useState("");
  const [to, setTo] = useState<string[]>();
  const field = useRef<HTMLInputElement>(null);
  const create = useCreate();
  const domain = domains.find(({ id }) => id === chosen);
  const limit = account.data?.limits.aliases_per_domain;
  const isFull = domain !== undefined && limit !== undefined && domain.alias_count >= limit;
  // With one inbox there is nothing to choose.
  const destinations = to ?? (known.addresses.length === 1 ? known.addresses : []);
  /** A whole address may be pasted. */
  const take = (typed: string) => {
    const [before = "", after] = typed.split("@");
    const named = domains.find(({ name }) => name === after?.trim().toLowerCase());
    if (named !== undefined) setChosen(named.id);
    setLocalPart(named === undefined ? typed : before);
  };
  const submit = async () => {
    const made = await create(chosen, {
      local_part: localPart.trim(),
      destinations,
      note: "",
      enabled: true,
    });
    toast({ text: t`${made.address} created` });
    // Somebody may be writing the next one already.
    setLocalPart((now) => (now === localPart ? "" : now));
    setTo(destinations);
    field.current?.focus();
  };
  const close = (
    <Button variant="subtle" onClick={onClose}>
      <Trans>Close</Trans>
    </Button>
  );
  const fields = (error: (name: string) => string | undefined) => (
    <div className={styles.fields}>
      <TextInput
        ref={field}
        label={t`Alias`}
        placeholder="hello"
        description={localPart === "*" ? t`Catches all other addresses of the domain.` : undefined}
        inputWrapperOrder={["label", "input", "description", "error"]}
        value={localPart}
        onChange={(event) => take(event.currentTarget.value)}
        error={error("local_part")}
        autoFocus
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
      />
      <NativeSelect
        label={t`Domain`}
        leftSection="@"
        data={domains.map(({ id, name }) => ({ value: id, label: name }))}
        value={chosen}
        onChange={(event) => setChosen(event.currentTarget.value)}
      />
      <DestinationsField value={destinations} onChange={setTo} error={error("destinations")} />
    </div>
  );
  return (
    <section className={styles.new} aria-label={t`New alias`}>
      {isFull ? (
        <div className="stack">
          {fields(() => undefined)}
          <div className="row">
            <UpgradeButton what={t`aliases of ${domain.name}`} limit={limit} />
            {close}
          </div>
        </div>
      ) : (
        <Form
          verb={t`Create alias`}
          onSubmit={submit}
          isReady={localPart.trim() !== "" && destinations.length > 0}
          beside={close}
        >
          {fields}
        </Form>
      )}
    </section>
  );
}

type Held = { pages: { data: Alias[] }[]; pageParams: unknown[] } | undefined;

/** Sent again with the same content it is the same alias: the key stays until one was made. */
function useCreate() {
  const queries = useQueryClient();
  const once = useOnceKey();
  return async (domainId: string, body: Shown["AliasNew"]): Promise<Alias> => {
    const headers = { "Idempotency-Key": once.key([domainId, body]) };
    const params = { path: { domain_id: domainId }, header: headers };
    const answer = await api.POST("/v1/domains/{domain_id}/aliases", { params, body });
    once.done();
    const made = answer.data as Alias;
    queries.setQueriesData<Held>({ predicate: ({ queryKey }) => queryKey[1] === LISTS[0] }, (held) => {
      if (held === undefined || !("pages" in held)) return held;
      const [first, ...rest] = held.pages;
      if (first === undefined || first.data.some(({ id }) => id === made.id)) return held;
      return { ...held, pages: [{ ...first, data: [made, ...first.data] }, ...rest] };
    });
    void queries.invalidateQueries({
      predicate: ({ queryKey: [, path] }) => path === "/v1/domains" || path === "/v1/destinations",
    });
    return made;
  };
}
