// After an account was deleted: its signed receipt, to be saved. It is kept nowhere else.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useEffect, useState } from "react";
import type { Goodbye as Said } from "../api/goodbye";
import { exactly } from "../data/moments";
import { saveFile } from "../data/save";
import { IconDownload } from "../ui/icons";
import styles from "./frame.module.css";

export default function Goodbye({ said: { name, receipt } }: { said: Said }) {
  const { t } = useLingui();
  const [isSaved, setSaved] = useState(false);
  const { gone_by: goneBy } = JSON.parse(receipt.receipt) as { gone_by: string };
  useEffect(() => {
    document.title = t`${name} is deleted · Clearpost`;
  }, [name, t]);
  // A receipt that is not saved is lost with the page.
  useEffect(() => {
    if (isSaved) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [isSaved]);
  const save = () => {
    const content = `${JSON.stringify(receipt, null, 1)}\n`;
    saveFile("clearpost-receipt.json", new Blob([content], { type: "application/json" }));
    setSaved(true);
  };
  return (
    <main className={styles.bare}>
      <div className={`${styles.sheet} ${styles.wide} stack`}>
        <h1 tabIndex={-1} ref={(node) => node?.focus()}>
          <Trans>{name} is deleted</Trans>
        </h1>
        <p>
          <Trans>
            Mail for its domains is refused. Its rows and keys are gone by {exactly(goneBy)}. This receipt of
            it is signed: the keys at /statements/keys check it. We keep no copy.
          </Trans>
        </p>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: scrolled by keyboard */}
        <pre className={styles.receipt} tabIndex={0}>
          {receipt.receipt}
        </pre>
        <dl className={styles.signed}>
          <dt>{t`Key`}</dt>
          <dd>{receipt.key}</dd>
          <dt>{t`Signature`}</dt>
          <dd>{receipt.signature}</dd>
        </dl>
        <div className="row">
          <Button variant="filled" leftSection={<IconDownload />} onClick={save}>
            <Trans>Save the receipt</Trans>
          </Button>
          <Button component="a" href="/">
            <Trans>Leave</Trans>
          </Button>
          <span role="status" className="soft">
            {isSaved && <Trans>Saved</Trans>}
          </span>
        </div>
      </div>
    </main>
  );
}
