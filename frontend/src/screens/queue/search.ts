// The filters of this screen, as they stand in its URL.
import { searchOf, word } from "../../data/search";

export const search = searchOf({ domain_id: word, alias_id: word, destination_id: word });
