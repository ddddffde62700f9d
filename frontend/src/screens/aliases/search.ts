// The filters of this screen, as they stand in its URL.
import { flag, searchOf, text, word } from "../../data/search";

export const search = searchOf({ q: text, domain_id: word, add: flag });
