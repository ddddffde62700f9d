// The filters of this screen, as they stand in its URL.
import { flag, searchOf } from "../../data/search";

/** `transfer`: handing the account over is open, also after a sign-in in between. */
export const search = searchOf({ add: flag, transfer: flag });
