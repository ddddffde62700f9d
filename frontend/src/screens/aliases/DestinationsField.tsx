// Where mail goes: addresses, known ones offered. New ones become destinations, and are asked first.
import { useLingui } from "@lingui/react/macro";
import { TagsInput } from "@mantine/core";
import { $api } from "../../api/client";

interface Props {
  value: string[];
  onChange: (value: string[]) => void;
  error?: string | undefined;
  label?: string;
  /** The list opens inside of the field's own place: in dialogs nothing behind them can be reached. */
  isInDialog?: boolean;
}

export function DestinationsField({ value, onChange, error, label, isInDialog = false }: Props) {
  const { t } = useLingui();
  const known = useKnownDestinations();
  const isNew = known.data !== undefined && value.some((each) => !known.addresses.includes(each));
  return (
    <TagsInput
      label={label ?? t`Forwards to`}
      description={isNew ? t`A new address gets a letter first, and mail once it has said yes.` : undefined}
      inputWrapperOrder={["label", "input", "description", "error"]}
      placeholder={value.length === 0 ? "you@example.net" : ""}
      data={known.addresses}
      value={value}
      onChange={onChange}
      error={error}
      splitChars={[",", ";", " "]}
      acceptValueOnBlur
      type="email"
      autoComplete="off"
      comboboxProps={{ withinPortal: !isInDialog }}
    />
  );
}

/** Those that mail can go to, or could after a yes; the ones of a long list come first. */
export function useKnownDestinations(): { data: unknown; addresses: string[] } {
  const { data } = $api.useQuery("get", "/v1/destinations", { params: { query: { limit: 100 } } });
  const usable = data?.data.filter(({ state }) => state !== "stopped") ?? [];
  return { data, addresses: usable.map(({ address }) => address) };
}
