// What is open on this screen, as it stands in its URL: also after a sign-in in between.
import { oneOf, searchOf } from "../../data/search";

export const search = searchOf({ do: oneOf("policy", "export", "delete-account") });
