// The records of one domain: wanted and found.
export default function Tab() {
  return null;
}
