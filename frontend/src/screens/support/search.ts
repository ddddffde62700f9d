// What of this screen stands in its URL.
import { oneOf, searchOf } from "../../data/search";

export const search = searchOf({ do: oneOf("let") });
