// Of which domain or destination to show what waits; in the URL.
import { useLingui } from "@lingui/react/macro";
import { Button, NativeSelect } from "@mantine/core";
import { $api } from "../../api/client";
import styles from "./queue.module.css";

export interface QueueFilter {
  domain_id?: string | undefined;
  alias_id?: string | undefined;
  destination_id?: string | undefined;
}

interface Props {
  filter: QueueFilter;
  onChange: (change: QueueFilter) => void;
}

export function Filters({ filter, onChange }: Props) {
  const { t } = useLingui();
  const query = { params: { query: { limit: 100 } } };
  const domains = $api.useQuery("get", "/v1/domains", query).data?.data ?? [];
  const destinations = $api.useQuery("get", "/v1/destinations", query).data?.data ?? [];
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  if (domains.length < 2 && destinations.length < 2 && !isFiltered) return null;
  return (
    <search className={styles.filters}>
      {domains.length > 1 && (
        <NativeSelect
          aria-label={t`Domain`}
          value={filter.domain_id ?? ""}
          onChange={({ currentTarget }) => onChange({ domain_id: currentTarget.value || undefined })}
          data={[
            { value: "", label: t`Any domain` },
            ...domains.map(({ id, name }) => ({ value: id, label: name })),
          ]}
        />
      )}
      {destinations.length > 1 && (
        <NativeSelect
          aria-label={t`Destination`}
          value={filter.destination_id ?? ""}
          onChange={({ currentTarget }) => onChange({ destination_id: currentTarget.value || undefined })}
          data={[
            { value: "", label: t`Any destination` },
            ...destinations.map(({ id, address }) => ({ value: id, label: address })),
          ]}
        />
      )}
      {isFiltered && (
        <Button
          variant="subtle"
          onClick={() => onChange({ domain_id: undefined, alias_id: undefined, destination_id: undefined })}
        >
          {t`Clear filters`}
        </Button>
      )}
    </search>
  );
}
