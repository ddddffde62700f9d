// Settings of one domain, and its end.
export default function Tab() {
  return null;
}
