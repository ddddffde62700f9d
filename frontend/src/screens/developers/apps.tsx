// OAuth apps of the account, and those that were let in.
export default function Tab() {
  return null;
}
