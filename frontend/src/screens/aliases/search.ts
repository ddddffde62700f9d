// The filters of this screen, as they stand in its URL.
import { flag, oneOf, searchOf, text, word } from "../../data/search";

export const search = searchOf({
  q: text,
  domain_id: word,
  destination_id: word,
  state: oneOf("active", "paused"),
  add: flag,
  import: flag,
});
