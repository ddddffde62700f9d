// What stands above all tabs of a domain: why it is not well, and what becomes of it.
import { Trans } from "@lingui/react/macro";
import type { ReactNode } from "react";
import { IconFailed, IconFailing } from "../../ui/icons";
import { When } from "../../ui/When";
import type { Domain } from "./health";
import styles from "./notes.module.css";

export function DomainNotes({ domain }: { domain: Domain }) {
  return (
    <>
      <State domain={domain} />
      {domain.contested && (
        <Note>
          <Trans>
            Another account’s record stands in the DNS beside yours. The domain stays with you; remove what is
            not yours.
          </Trans>
        </Note>
      )}
    </>
  );
}

function State({ domain }: { domain: Domain }) {
  if (domain.paused_at !== null) {
    return (
      <Note>
        <Trans>
          Paused: the plan has no room for it. Its mail is refused with 550 5.2.1. An upgrade wakes it;
          nothing was deleted.
        </Trans>
      </Note>
    );
  }
  switch (domain.state) {
    case "temporarily_failing":
      return (
        <Note>
          {domain.failing_since !== null && (
            <Trans>
              Its records are gone; first noticed <When at={domain.failing_since} />. Mail is still taken, but
              the domain is switched off if they do not come back. The owners are told by mail.
            </Trans>
          )}
        </Note>
      );
    case "failed":
      return (
        <Note isBad>
          {domain.off_at !== null ? (
            <Trans>
              Switched off <When at={domain.off_at} />, as its records stayed away. Its mail is refused with
              550 5.7.1 until they are back; aliases are kept.
            </Trans>
          ) : (
            <Trans>
              Not proved within 72 hours. Publish the TXT record and check again: it is verified at once.
            </Trans>
          )}
        </Note>
      );
    case "displaced":
      return (
        <Note isBad>
          <Trans>
            Another account has proved that it controls this domain. Put your TXT record back, and remove
            theirs, to get it back.
          </Trans>
        </Note>
      );
    default:
      return null;
  }
}

function Note({ isBad = false, children }: { isBad?: boolean; children: ReactNode }) {
  return (
    <div className={styles.note} data-tone={isBad ? "bad" : "warn"}>
      {isBad ? <IconFailed /> : <IconFailing />}
      <p>{children}</p>
    </div>
  );
}
