// The records of one domain: wanted and found.
import { Records } from "./Records";
import { useDomain } from "./useDomain";

export default function Tab() {
  return <Records domain={useDomain()} />;
}
