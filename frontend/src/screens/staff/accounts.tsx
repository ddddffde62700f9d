// Search for an account.
export default function Tab() {
  return null;
}
