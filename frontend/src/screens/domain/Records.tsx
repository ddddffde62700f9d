// The DNS records of a domain: what to publish, to copy, and beside it what we found, at which servers, when.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useSession } from "../../api/session";
import { ProblemNote } from "../../ui/notes";
import { When } from "../../ui/When";
import { type Domain, isPerfect, isReady, type RecordFound } from "./health";
import { RecordRow } from "./RecordRow";
import styles from "./records.module.css";
import { useWatching } from "./watching";

/** `advice`: those that mail does not need, as well. */
export function Records({ domain, advice = true }: { domain: Domain; advice?: boolean }) {
  const { t } = useLingui();
  const { can } = useSession();
  const isAllThere = advice ? isPerfect(domain) : isReady(domain);
  const watching = useWatching(domain.id, can("domains:write") && !isAllThere);
  const { found } = domain;
  const purposes = {
    ownership: t`Proves that the domain is yours`,
    mx: t`Brings its mail to us`,
    spf: t`Lets us send for it`,
    dmarc: t`Says what to do with forged mail`,
  };
  const needed = (type: "TXT" | "MX") => domain.records.filter((record) => record.type === type);
  const advised = (row: RecordFound) => [{ type: "TXT" as const, name: row.name, value: row.wanted }];
  return (
    <div className="stack">
      <Summary domain={domain} />
      <ul className={styles.rows}>
        <RecordRow
          domain={domain}
          id="ownership"
          purpose={purposes.ownership}
          records={needed("TXT")}
          row={found?.ownership}
        />
        <RecordRow domain={domain} id="mx" purpose={purposes.mx} records={needed("MX")} row={found?.mx} />
        {advice && found && (
          <RecordRow
            domain={domain}
            id="spf"
            purpose={purposes.spf}
            records={advised(found.spf)}
            row={found.spf}
          />
        )}
        {advice && found?.dmarc && (
          <RecordRow
            domain={domain}
            id="dmarc"
            purpose={purposes.dmarc}
            records={advised(found.dmarc)}
            row={found.dmarc}
          />
        )}
      </ul>
      {watching.problem !== undefined && <ProblemNote error={watching.problem} again={watching.look} />}
      {can("domains:write") && (
        <div className="row">
          <Button onClick={watching.look} loading={watching.isLooking}>
            <Trans>Check now</Trans>
          </Button>
          <span className="soft">
            {isAllThere ? (
              <Trans>All there. We look again by ourselves.</Trans>
            ) : (
              <Trans>We look every few seconds while this page is open.</Trans>
            )}
          </span>
        </div>
      )}
    </div>
  );
}

function Summary({ domain }: { domain: Domain }) {
  const servers = domain.found?.ownership.where ?? [];
  return (
    <p className={styles.summary}>
      {domain.checked_at === null ? (
        <Trans>Not checked yet</Trans>
      ) : (
        <span>
          <Trans>
            Checked <When at={domain.checked_at} />
          </Trans>
        </span>
      )}
      {servers.length > 0 && (
        <span>
          <Trans>
            Name servers: <span className="mono">{servers.join(", ")}</span>
          </Trans>
        </span>
      )}
    </p>
  );
}
