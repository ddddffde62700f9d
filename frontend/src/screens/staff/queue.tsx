// How the queues are doing.
export default function Tab() {
  return null;
}
