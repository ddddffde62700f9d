// The service's own log.
export default function Tab() {
  return null;
}
