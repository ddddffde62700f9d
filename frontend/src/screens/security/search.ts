// The filters of this screen, as they stand in its URL.
import { oneOf, searchOf, text, word } from "../../data/search";

export const search = searchOf({
  /** What is open, also after a sign-in in between; `passkey`, `identity`: which one. */
  do: oneOf("add-passkey", "remove-passkey", "unlink"),
  passkey: word,
  identity: word,
  action: word,
  actor: text,
  subject: text,
  since: oneOf("day", "week"),
});
