// Aliases of one domain.
export default function Tab() {
  return null;
}
