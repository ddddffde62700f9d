// Which commands a few letters mean: words that begin so come first, then letters in their order.
import type { Command } from "./commands";

export function matching(all: readonly Command[], wanted: string): Command[] {
  const text = wanted.trim().toLowerCase();
  if (text === "") return [...all];
  return all
    .map((command) => ({ command, rank: rankOf(command.title.toLowerCase(), text) }))
    .filter(({ rank }) => rank > 0)
    .sort((a, b) => b.rank - a.rank)
    .map(({ command }) => command);
}

function rankOf(title: string, text: string): number {
  if (title.startsWith(text)) return 4;
  if (title.split(" ").some((word) => word.startsWith(text))) return 3;
  if (title.includes(text)) return 2;
  return hasInOrder(title, text) ? 1 : 0;
}

function hasInOrder(title: string, text: string): boolean {
  let from = 0;
  for (const letter of text) {
    from = title.indexOf(letter, from) + 1;
    if (from === 0) return false;
  }
  return true;
}
