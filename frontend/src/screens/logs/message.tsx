// The timeline of one message, over the list.
export default function Message() {
  return null;
}
