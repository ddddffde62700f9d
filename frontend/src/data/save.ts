// A file of what is in the page already, or was fetched: the browser saves it like any other download.
const KEPT_FOR = 60_000;

export function saveFile(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // Some browsers read it only after the press.
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_FOR);
}
