// Where the first run stands, beyond what the API knows: which domain, and which test message is being watched.
import { searchOf, word } from "../../data/search";

export const search = searchOf({ domain: word, message: word });
