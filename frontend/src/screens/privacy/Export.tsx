// Everything in the account as one file, fetched while somebody watches how far it is.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useSession } from "../../api/session";
import { bytes, number } from "../../data/figures";
import { IconDownload } from "../../ui/icons";
import { ProblemNote } from "../../ui/notes";
import { Section } from "../../ui/Page";
import styles from "./privacy.module.css";
import { type Exporting, useExport } from "./useExport";

export function Export() {
  const { t } = useLingui();
  const may = useSession().can("account:write");
  const exporting = useExport();
  const { state, start } = exporting;
  const isRunning = state.kind === "running";
  return (
    <Section
      title={t`Take everything out`}
      lead={<Trans>A zip of JSON lines: settings, aliases, people, audit log and the 7-day log.</Trans>}
      actions={
        may &&
        !isRunning && (
          <Button leftSection={<IconDownload />} onClick={start}>
            <Trans>Export</Trans>
          </Button>
        )
      }
    >
      {may ? (
        <Progress {...exporting} />
      ) : (
        <p className="soft">
          <Trans>An owner or admin can export it.</Trans>
        </p>
      )}
    </Section>
  );
}

function Progress({ state, start, cancel }: Exporting) {
  const { t } = useLingui();
  switch (state.kind) {
    case "none":
      return null;
    case "failed":
      return <ProblemNote error={state.error} again={start} />;
    case "done":
      return (
        <p role="status" className="soft">
          <Trans>
            Saved as {state.name}, {bytes(state.size)}.
          </Trans>
        </p>
      );
    case "running":
      return (
        <div className={styles.progress}>
          <progress aria-label={t`Export`} {...(state.of > 0 && { value: state.rows, max: state.of })} />
          <div className={styles.progressFoot}>
            <span>
              {state.of > 0 ? (
                <Trans>
                  {number(state.rows)} of {number(state.of)} rows
                </Trans>
              ) : (
                <Trans>Counting</Trans>
              )}
            </span>
            <Button size="xs" onClick={cancel}>
              <Trans>Cancel</Trans>
            </Button>
          </div>
        </div>
      );
  }
}
