// Light, dark, or as the system has it.
import { useLingui } from "@lingui/react/macro";
import { type MantineColorScheme, SegmentedControl, useMantineColorScheme } from "@mantine/core";
import { Section } from "../../ui/Page";

export function Look() {
  const { t } = useLingui();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Section title={t`Look`}>
      <div className="row">
        <SegmentedControl
          aria-label={t`Look`}
          value={colorScheme}
          onChange={(value) => setColorScheme(value as MantineColorScheme)}
          data={[
            { value: "auto", label: t`As the system` },
            { value: "light", label: t`Light` },
            { value: "dark", label: t`Dark` },
          ]}
        />
      </div>
    </Section>
  );
}
