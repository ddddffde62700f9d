// The filters of this screen, as they stand in its URL.
import { searchOf, text, word } from "../../data/search";
import { READERS } from "../logs/search";

export const search = searchOf({ q: text });
/** Of a customer's log: the same filters, and the grant under which it is read. */
export const logSearch = searchOf({ ...READERS, grant: word });
