// The filters of this screen, as they stand in its URL.
import { flag, oneOf, searchOf, text, word } from "../../data/search";

export const search = searchOf({
  add: flag,
  q: text,
  /** The key that is open beside the list. */
  key: word,
  app: word,
  ended: flag,
  method: oneOf("GET", "POST", "PATCH", "PUT", "DELETE"),
  status: word,
  /** An id; "everybody" for people in the portal too. Left out: keys and apps. */
  actor: word,
  since: oneOf("hour", "day"),
});
