// One kind of record: its purpose and state, what to publish on one side, what is there on the other.
import { Trans, useLingui } from "@lingui/react/macro";
import { Fragment } from "react";
import type { Shown } from "../../api/client";
import { shortRecordName } from "../../data/domainName";
import { CopyField } from "../../ui/CopyField";
import { IconFailing, IconOk } from "../../ui/icons";
import { StateBadge, type StateName } from "../../ui/StateBadge";
import type { Domain, RecordFound } from "./health";
import styles from "./records.module.css";

type Wanted = Omit<Shown["Record"], "priority"> & { priority?: number | null };

interface Props {
  domain: Domain;
  id: string;
  purpose: string;
  records: Wanted[];
  /** What the last check found; nothing before the first. */
  row: RecordFound | undefined;
}

export function RecordRow({ domain, id, purpose, records, row }: Props) {
  return (
    <li data-record={id} data-state={row?.state ?? "unknown"}>
      <div className={styles.head}>
        <span className={styles.type}>{records[0]?.type}</span>
        <h3>{purpose}</h3>
        <span role="status">
          <RecordBadge row={row} />
        </span>
      </div>
      <div className={styles.sides}>
        <div className={styles.side}>
          <h4>{row?.state === "wrong" ? <Trans>Should be</Trans> : <Trans>Publish</Trans>}</h4>
          {records.map((record) => (
            <ToPublish key={record.value} record={record} domain={domain.name} />
          ))}
        </div>
        <div className={styles.side}>
          <h4>
            <Trans>Found</Trans>
          </h4>
          <Found row={row} ours={id === "mx" ? records.map(({ value }) => value) : undefined} />
          {row !== undefined && row.cause !== "" && (
            <p className={styles.cause}>
              <strong>{row.cause}</strong> {row.next_step}
            </p>
          )}
        </div>
      </div>
    </li>
  );
}

function RecordBadge({ row }: { row: RecordFound | undefined }) {
  const { t } = useLingui();
  if (row === undefined) return <StateBadge state="waiting">{t`Checking`}</StateBadge>;
  const words: Record<RecordFound["state"], [StateName, string]> = {
    ok: ["ok", t`OK`],
    missing: row.required ? ["waiting", t`Not found yet`] : ["off", t`Optional`],
    wrong: row.required ? ["failing", t`Needs a change`] : ["failing", t`Advice`],
    failure: ["failing", t`No answer`],
  };
  const [state, word] = words[row.state];
  return <StateBadge state={state}>{word}</StateBadge>;
}

function ToPublish({ record, domain }: { record: Wanted; domain: string }) {
  const { t } = useLingui();
  const { type, name, value, priority } = record;
  const short = shortRecordName(name, domain);
  const fields: [label: string, copied: string, value: string][] = [
    [t`Name`, t`name of ${type} ${name}`, name],
    ...(priority != null
      ? [[t`Priority`, t`priority of ${type} ${value}`, String(priority)] as [string, string, string]]
      : []),
    [t`Value`, t`value of ${type} ${name}`, value],
  ];
  return (
    <dl className={styles.wanted}>
      {fields.map(([label, copied, text]) => (
        <Fragment key={label}>
          <dt>{label}</dt>
          <dd>
            <CopyField label={copied} value={text} />
            {text === name && (
              <p className={styles.short}>
                <Trans>
                  or just <code>{short}</code>, where your provider adds the domain
                </Trans>
              </p>
            )}
          </dd>
        </Fragment>
      ))}
    </dl>
  );
}

/** `ours`: the hosts that may stand in it; each other one is marked. */
function Found({ row, ours }: { row: RecordFound | undefined; ours: string[] | undefined }) {
  const { t } = useLingui();
  if (row === undefined) return <p className="soft">…</p>;
  // The cause below says so in more words.
  if (row.found.length === 0) return null;
  return (
    <ul className={styles.found}>
      {row.found.map((text) => {
        const isOurs = ours === undefined ? row.state === "ok" : ours.includes(hostOf(text));
        return (
          <li key={text} data-ours={isOurs}>
            {isOurs ? <IconOk /> : <IconFailing />}
            <code>{text}</code>
            {ours !== undefined && !isOurs && <span className="soft">{t`not ours`}</span>}
          </li>
        );
      })}
    </ul>
  );
}

/** Of an MX as it is shown: "10 mx.example.org". */
function hostOf(found: string): string {
  return found.split(" ").at(-1)?.replace(/\.$/, "").toLowerCase() ?? "";
}
