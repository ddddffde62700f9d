// What was asked of the API lately.
export default function Tab() {
  return null;
}
