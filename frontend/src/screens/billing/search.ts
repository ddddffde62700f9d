// What stands in the URL of this screen: the plan that a limit led to, the switch, the plan that is being
// changed to, and how the page of Stripe was left.
import { oneOf, searchOf } from "../../data/search";

export const search = searchOf({
  plan: oneOf("free", "premium", "business"),
  interval: oneOf("month", "year"),
  to: oneOf("free", "premium", "business"),
  checkout: oneOf("done", "cancelled"),
});
