// How much the log keeps of a domain's mail, in words: what each level is called, and what stays of a message.
import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type { Shown } from "../api/client";

export type LogLevel = Shown["Domain"]["log_level"];

export const LOG_LEVELS: Record<LogLevel, { name: MessageDescriptor; about: MessageDescriptor }> = {
  full: { name: msg`Full`, about: msg`Every field of the policy: a lost message is found` },
  "no-subject": { name: msg`No subject`, about: msg`All but the subject, also in what servers answer` },
  "no-sender": { name: msg`No sender`, about: msg`All but who sent it, also in what servers answer` },
  failures: {
    name: msg`Failures only`,
    about: msg`All of what was refused or failed; what is delivered at once is counted, and listed nowhere`,
  },
};

export const LEVELS = Object.keys(LOG_LEVELS) as LogLevel[];
