// What its owner decides about a domain's mail: shown at once, sent, and undone.
import { useMemo } from "react";
import { type Optimistic, patch, useChange } from "../../api/change";
import { api } from "../../api/client";
import type { Domain } from "./health";

export interface Choice {
  plus_addressing?: boolean;
  mail?: Partial<Domain["mail"]>;
  log_level?: Domain["log_level"];
}

interface Given {
  to: Choice;
  from: Choice;
  /** In the past tense. */
  said: string;
}

/** The domain as it is with this choice; what is not named stays. */
export function chosen(domain: Domain, { mail, ...rest }: Choice): Domain {
  return { ...domain, ...rest, mail: { ...domain.mail, ...mail } };
}

/** `choose(to, said)`. */
export function useChoice(domain: Domain): (to: Choice, said: string) => Promise<void> {
  const what = useMemo((): Optimistic<Given, unknown> => {
    const path = { domain_id: domain.id };
    const send = (body: Choice) => api.PATCH("/v1/domains/{domain_id}", { params: { path }, body });
    const touches = ["/v1/domains", "/v1/domains/{domain_id}"];
    return {
      run: ({ to }) => send(to),
      show: (queries, { to }) => {
        for (const held of touches) patch<Domain>(queries, held, domain.id, (each) => chosen(each, to));
      },
      said: ({ said }) => said,
      undo: ({ from }) => send(from),
      touches,
    };
  }, [domain.id]);
  const change = useChange(what);
  return (to, said) => change({ to, from: asItIs(domain, to), said });
}

/** What these choices are now. */
export function asItIs(domain: Domain, { plus_addressing, mail, log_level }: Choice): Choice {
  const names = Object.keys(mail ?? {}) as (keyof Domain["mail"])[];
  return {
    ...(plus_addressing !== undefined && { plus_addressing: domain.plus_addressing }),
    ...(log_level !== undefined && { log_level: domain.log_level }),
    ...(mail !== undefined && {
      mail: Object.fromEntries(names.map((name) => [name, domain.mail[name]])) as Partial<Domain["mail"]>,
    }),
  };
}

/** A score that the API takes, of what was typed; undefined for anything else. */
export function scoreOf(typed: string): number | undefined {
  const score = Number(typed.replace(",", "."));
  return typed.trim() !== "" && score >= 1 && score <= 100 ? score : undefined;
}
