// What became of the test message, as it happens.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { ProblemNote } from "../../ui/notes";
import { Section } from "../../ui/Page";
import { Timeline } from "../welcome/Timeline";
import type { Test } from "./useTest";

export function TestMessage({ test: { messageId, problem, close } }: { test: Test }) {
  const { t } = useLingui();
  if (messageId === undefined && problem === undefined) return null;
  return (
    <Section
      title={t`Test message`}
      actions={
        <Button size="xs" variant="subtle" onClick={close}>
          <Trans>Close</Trans>
        </Button>
      }
    >
      {problem !== undefined ? (
        <ProblemNote error={problem} />
      ) : (
        messageId !== undefined && <Timeline key={messageId} messageId={messageId} />
      )}
    </Section>
  );
}
