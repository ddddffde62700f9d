// One account in figures.
export default function Tab() {
  return null;
}
