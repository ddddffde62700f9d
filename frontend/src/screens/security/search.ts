// The filters of this screen, as they stand in its URL.
import { searchOf, word } from "../../data/search";

export const search = searchOf({ action: word, actor: word });
