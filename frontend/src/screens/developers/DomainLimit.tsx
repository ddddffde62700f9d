// All domains of the account, or only these.
import { Trans, useLingui } from "@lingui/react/macro";
import { Checkbox, NativeSelect, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { useList } from "../../api/lists";
import { useWhole } from "../../api/whole";
import styles from "./developers.module.css";

const MANY = 8;

interface Props {
  /** Ids; null for all. */
  value: string[] | null;
  onChange: (value: string[] | null) => void;
  /** Below the domains: what being limited to them means. */
  note?: ReactNode;
}

export function DomainLimit({ value, onChange, note = <OfAKey /> }: Props) {
  const { t } = useLingui();
  return (
    <>
      <NativeSelect
        label={t`Domains`}
        value={value === null ? "all" : "some"}
        onChange={(event) => onChange(event.currentTarget.value === "all" ? null : [])}
        data={[
          { value: "all", label: t`All, also those to come` },
          { value: "some", label: t`Only these` },
        ]}
      />
      {value !== null && <DomainList value={value} onChange={onChange} note={note} />}
    </>
  );
}

function OfAKey() {
  return <Trans>Limited to domains, it sees nothing of the account, its log of requests or its plan.</Trans>;
}

interface ListProps {
  value: string[];
  onChange: (value: string[]) => void;
  note: ReactNode;
}

function DomainList({ value, onChange, note }: ListProps) {
  const { t } = useLingui();
  const { rows } = useWhole(useList("/v1/domains", { limit: 100 }));
  const [wanted, setWanted] = useState("");
  const found = rows.filter(({ name }) => name.includes(wanted.trim().toLowerCase()));
  return (
    <div className="stack">
      {rows.length > MANY && (
        <TextInput
          type="search"
          aria-label={t`Search domains`}
          placeholder={t`Search domains`}
          value={wanted}
          onChange={(event) => setWanted(event.currentTarget.value)}
        />
      )}
      <Checkbox.Group aria-label={t`Only these domains`} value={value} onChange={onChange}>
        <div className={styles.domains}>
          {found.map(({ id, name }) => (
            <Checkbox key={id} value={id} label={name} />
          ))}
          {found.length === 0 && (
            <span className="soft">
              <Trans>No domain</Trans>
            </span>
          )}
        </div>
      </Checkbox.Group>
      <p className="soft">{note}</p>
    </div>
  );
}
