// A value to take elsewhere: whole, selectable, copied by one press. <CopyField label="MX record" value="10 mx..." />
import { useLingui } from "@lingui/react/macro";
import { useEffect, useState } from "react";
import { IconCheck, IconCopy } from "./icons";
import styles from "./pieces.module.css";

const SAID_FOR = 2000;

export function CopyField({ label, value }: { label: string; value: string }) {
  return (
    <div className={styles.copy}>
      <code>{value}</code>
      <CopyButton label={label} value={value} />
    </div>
  );
}

/** The button alone, beside a value that is shown otherwise. */
export function CopyButton({ label, value }: { label: string; value: string }) {
  const { t } = useLingui();
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), SAID_FOR);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const copy = () => {
    void write(value).then(setCopied);
  };
  return (
    <button type="button" onClick={copy} aria-label={t`Copy ${label}`}>
      {isCopied ? <IconCheck /> : <IconCopy />}
      <span role="status">{isCopied && t`Copied`}</span>
    </button>
  );
}

/** Plain http on a name has no clipboard: there the old way works. */
async function write(value: string): Promise<boolean> {
  if (navigator.clipboard !== undefined) {
    return navigator.clipboard.writeText(value).then(
      () => true,
      () => false,
    );
  }
  const area = document.createElement("textarea");
  area.value = value;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
