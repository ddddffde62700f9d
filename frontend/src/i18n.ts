// Words. English is in the code, compiled, and comes with each chunk; another language is one catalog, loaded
// before the first paint. Must never be asked for a message before `start` has run.
import { i18n, type MessageDescriptor } from "@lingui/core";

export function start(): void {
  // They are compiled already (scripts/compiled-messages.mjs): what is still a text is one without values.
  i18n.setMessagesCompiler((message) => [message]);
  i18n.loadAndActivate({ locale: "en", messages: {} });
}

/** The words of a `msg` that was written where no component is: titles, commands, states. */
export function say(message: MessageDescriptor): string {
  return i18n._(message);
}
