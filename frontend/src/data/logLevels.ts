// How much the log keeps of a domain's mail, in words: what each level is called, and what stays of a message.
import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type { Shown } from "../api/client";

export type LogLevel = Shown["HeldLevel"]["log_level"];

export const LOG_LEVELS: Record<LogLevel, { name: MessageDescriptor; about: MessageDescriptor }> = {
  full: { name: msg`Full`, about: msg`Every field of the policy` },
  "no-subject": {
    name: msg`No subject`,
    about: msg`Every field but the subject, also in answers that repeat it`,
  },
  "no-sender": {
    name: msg`No sender`,
    about: msg`Every field but who sent it, also in answers that repeat it`,
  },
  failures: {
    name: msg`Failures only`,
    about: msg`Every field of what was refused, put off or failed; of all else only that and when it came`,
  },
};

export const LEVELS = Object.keys(LOG_LEVELS) as LogLevel[];
