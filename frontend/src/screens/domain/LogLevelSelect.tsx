// The choice of a log level as one line: in forms and tables. With room for all four, LogLevel.tsx.
import { useLingui } from "@lingui/react/macro";
import { NativeSelect, type NativeSelectProps } from "@mantine/core";
import { LEVELS, LOG_LEVELS, type LogLevel } from "../../data/logLevels";

interface Props extends Omit<NativeSelectProps, "data" | "value" | "onChange"> {
  value: LogLevel;
  onChange: (level: LogLevel) => void;
}

export function LogLevelSelect({ onChange, ...rest }: Props) {
  const { i18n } = useLingui();
  return (
    <NativeSelect
      {...rest}
      onChange={(event) => onChange(event.currentTarget.value as LogLevel)}
      data={LEVELS.map((level) => ({ value: level, label: i18n._(LOG_LEVELS[level].name) }))}
    />
  );
}
