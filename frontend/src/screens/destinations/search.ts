// The filters of this screen, as they stand in its URL. `open`: the destination beside the list.
import { flag, searchOf, text, word } from "../../data/search";

export const search = searchOf({ q: text, add: flag, open: word });
