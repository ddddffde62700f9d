// The filters of this screen, as they stand in its URL.
import { oneOf, searchOf, text, word } from "../../data/search";

export const READERS = {
  q: text,
  domain_id: word,
  alias: word,
  event: oneOf("received", "delivered", "soft-bounced", "hard-bounced", "refused"),
  since: word,
  until: word,
  sender: text,
  dmarc: oneOf("pass", "fail", "none"),
};

export const search = searchOf(READERS);
