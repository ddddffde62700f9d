// API keys of the account.
export default function Tab() {
  return null;
}
