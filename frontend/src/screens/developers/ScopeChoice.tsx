// The scopes of a key or an app, to tick: what it may read, what it may change.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Checkbox } from "@mantine/core";
import { SCOPES, type ScopeName } from "../../data/scopes";
import styles from "./developers.module.css";

interface Props {
  value: ReadonlySet<ScopeName>;
  onChange: (value: ReadonlySet<ScopeName>) => void;
  /** What may be given; the rest cannot be ticked. */
  most: ReadonlySet<ScopeName>;
  error?: string | undefined;
}

export function ScopeChoice({ value, onChange, most, error }: Props) {
  const { t, i18n } = useLingui();
  const reads = SCOPES.map(({ read }) => read).filter((scope) => most.has(scope));
  const toggle = (scope: ScopeName) => {
    const next = new Set(value);
    if (!next.delete(scope)) next.add(scope);
    onChange(next);
  };
  const box = (scope: ScopeName | undefined, label: string) =>
    scope !== undefined && (
      <Checkbox
        checked={value.has(scope)}
        onChange={() => toggle(scope)}
        disabled={!most.has(scope)}
        label={<span className="sr-only">{label}</span>}
      />
    );
  return (
    <fieldset className={styles.choice}>
      <legend>
        <Trans>It may</Trans>
      </legend>
      <table className={styles.scopes}>
        <thead>
          <tr>
            <th scope="col">
              <span className="sr-only">{t`What`}</span>
            </th>
            <th scope="col">{t`Read`}</th>
            <th scope="col">{t`Change`}</th>
          </tr>
        </thead>
        <tbody>
          {SCOPES.map(({ title, words, read, write }) => {
            const name = i18n._(title);
            return (
              <tr key={read}>
                <th scope="row">
                  {name} <span className="soft">{i18n._(words)}</span>
                </th>
                <td>{box(read, t`Read ${name}`)}</td>
                <td>{box(write, t`Change ${name}`)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {error !== undefined && <p className={styles.wrong}>{error}</p>}
      <div className="row">
        <Button size="xs" onClick={() => onChange(new Set(reads))}>
          <Trans>Read only</Trans>
        </Button>
        <Button size="xs" onClick={() => onChange(new Set(most))}>
          <Trans>Everything</Trans>
        </Button>
      </div>
    </fieldset>
  );
}

/** In a table: "All", "domains, aliases: read", short enough for one line. */
export function ScopeWords({ of }: { of: readonly ScopeName[] }) {
  const { t } = useLingui();
  const all = SCOPES.flatMap(({ read, write }) => (write === undefined ? [read] : [read, write]));
  if (all.every((scope) => of.includes(scope))) return t`Everything`;
  return (
    <span className="mono" title={of.join("\n")}>
      {of.slice(0, 2).join(", ")}
      {of.length > 2 && ` +${of.length - 2}`}
    </span>
  );
}
