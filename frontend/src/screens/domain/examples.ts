// Domains for tests of components, as the API shows them.
import type { Domain, RecordFound } from "./health";

export function foundRow(change: Partial<RecordFound> = {}): RecordFound {
  return {
    name: "shop.test",
    wanted: "",
    found: [],
    state: "ok",
    cause: "",
    next_step: "",
    required: true,
    where: [],
    ...change,
  };
}

/** Verified, ready, with one alias. */
export function domainLike(change: Partial<Domain> = {}): Domain {
  return {
    id: "1",
    name: "shop.test",
    state: "verified",
    plus_addressing: true,
    mail: { strict_dmarc: false, require_tls: false, spam_threshold: 15 },
    log_level: "full",
    spam_filter: true,
    created_at: "2026-11-22T10:00:00Z",
    verified_at: "2026-11-22T10:00:00Z",
    checked_at: "2026-11-22T10:00:00Z",
    displaced_at: null,
    failing_since: null,
    off_at: null,
    paused_at: null,
    contested: false,
    alias_count: 1,
    records: [],
    found: { ownership: foundRow(), mx: foundRow(), spf: foundRow(), dmarc: foundRow() },
    ...change,
  };
}
