// The filters of this screen, as they stand in its URL.
import { searchOf, text } from "../../data/search";

export const search = searchOf({ q: text });
