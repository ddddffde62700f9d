// What of the log to show; every choice is in the URL.
import { useLingui } from "@lingui/react/macro";
import { NativeSelect, TextInput } from "@mantine/core";
import { useId } from "react";
import { $api } from "../../api/client";
import { FilterBar } from "../../ui/FilterBar";
import { useLate } from "../../ui/useLate";
import styles from "./logs.module.css";
import type { LogFilter } from "./matching";
import { fromField, type Span, spanOf, type Times, timesOf, toField } from "./times";
import { EVENTS, isEvent } from "./words";

const RESULTS = ["pass", "fail", "none"] as const;

interface Props {
  filter: LogFilter;
  onChange: (change: LogFilter) => void;
  /** Taken away by "Clear filters"; the list of one domain keeps its domain. */
  onClear: (() => void) | undefined;
  hasDomains?: boolean;
}

export function Filters({ filter, onChange, onClear, hasDomains = true }: Props) {
  const { t, i18n } = useLingui();
  const [alias, setAlias] = useLate(filter.alias ?? "", (alias) => onChange({ alias }));
  const [sender, setSender] = useLate(filter.sender ?? "", (sender) => onChange({ sender }));
  return (
    <div className={styles.filters}>
      <FilterBar
        q={filter.q}
        onSearch={(q) => onChange({ q })}
        placeholder={t`Search subject, sender, alias`}
        onClear={onClear}
      >
        <TextInput
          type="search"
          aria-label={t`Alias`}
          placeholder={t`Alias`}
          value={alias}
          onChange={(event) => setAlias(event.currentTarget.value)}
        />
        <TextInput
          type="search"
          aria-label={t`Address in From`}
          placeholder={t`Sender`}
          value={sender}
          onChange={(event) => setSender(event.currentTarget.value)}
        />
        {hasDomains && <DomainChoice value={filter.domain_id} onChange={onChange} />}
        <NativeSelect
          aria-label={t`State`}
          value={filter.event ?? ""}
          onChange={({ currentTarget: { value } }) => onChange({ event: isEvent(value) ? value : undefined })}
          data={[
            { value: "", label: t`Any state` },
            ...Object.entries(EVENTS).map(([value, { word }]) => ({ value, label: i18n._(word) })),
          ]}
        />
        <NativeSelect
          aria-label={t`DMARC`}
          value={filter.dmarc ?? ""}
          onChange={({ currentTarget: { value } }) =>
            onChange({ dmarc: RESULTS.find((each) => each === value) })
          }
          data={[
            { value: "", label: t`Any DMARC` },
            { value: "pass", label: t`DMARC pass` },
            { value: "fail", label: t`DMARC fail` },
            { value: "none", label: t`DMARC none` },
          ]}
        />
        <NativeSelect
          aria-label={t`Time`}
          value={spanOf(filter)}
          onChange={(event) => onChange(timesOf(event.currentTarget.value as Span, Date.now()))}
          data={[
            { value: "any", label: t`Any time` },
            { value: "hour", label: t`Last hour` },
            { value: "day", label: t`Last 24 hours` },
            { value: "between", label: t`Between` },
          ]}
        />
      </FilterBar>
      {spanOf(filter) === "between" && <Between filter={filter} onChange={onChange} />}
    </div>
  );
}

function DomainChoice({
  value,
  onChange,
}: {
  value: string | undefined;
  onChange: (change: LogFilter) => void;
}) {
  const { t } = useLingui();
  const { data } = $api.useQuery("get", "/v1/domains", { params: { query: { limit: 100 } } });
  const all = data?.data ?? [];
  if (all.length < 2 && value === undefined) return null;
  return (
    <NativeSelect
      aria-label={t`Domain`}
      value={value ?? ""}
      onChange={({ currentTarget }) => onChange({ domain_id: currentTarget.value || undefined })}
      data={[{ value: "", label: t`Any domain` }, ...all.map(({ id, name }) => ({ value: id, label: name }))]}
    />
  );
}

function Between({ filter, onChange }: { filter: Times; onChange: (change: LogFilter) => void }) {
  const { t } = useLingui();
  const id = useId();
  const field = (name: "since" | "until", label: string) => (
    <span>
      <label htmlFor={id + name}>{label}</label>
      <TextInput
        id={id + name}
        type="datetime-local"
        value={toField(filter[name])}
        onChange={({ currentTarget }) => onChange({ [name]: fromField(currentTarget.value) })}
      />
    </span>
  );
  return (
    <div className={styles.times}>
      {field("since", t`From`)}
      {field("until", t`Until`)}
    </div>
  );
}
