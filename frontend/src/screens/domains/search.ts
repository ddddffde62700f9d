// The filters of this screen, as they stand in its URL.
import { flag, searchOf, text } from "../../data/search";

export const search = searchOf({ q: text, add: flag });
