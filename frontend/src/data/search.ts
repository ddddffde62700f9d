// Filters live in the URL, as plain text: what is not allowed there is dropped, not guessed.
// A screen writes `export const search = searchOf({ q: text, event: oneOf("delivered", "refused"), add: flag })`.

type Reader<Value> = (raw: string) => Value | undefined;

export const text: Reader<string> = (raw) => (raw.trim() === "" ? undefined : raw.slice(0, 200));
/** For ids, dates and whatever else the API itself judges. */
export const word: Reader<string> = (raw) => (/^[\w@.+:-]{1,200}$/.test(raw) ? raw : undefined);
export const flag: Reader<"1"> = (raw) => (raw === "1" ? raw : undefined);

export function oneOf<const Value extends string>(...values: Value[]): Reader<Value> {
  return (raw) => values.find((value) => value === raw);
}

/** The search of a route, typed: every filter is there or undefined. */
export function searchOf<Readers extends Record<string, Reader<string>>>(readers: Readers) {
  type Found = { [Name in keyof Readers]?: NonNullable<ReturnType<Readers[Name]>> };
  return (raw: Record<string, unknown>): Found => {
    const found: Record<string, string> = {};
    for (const [name, read] of Object.entries(readers)) {
      const value = typeof raw[name] === "string" ? read(raw[name]) : undefined;
      if (value !== undefined) found[name] = value;
    }
    return found as Found;
  };
}

/** TanStack's own would read `?q=123` as a number and write strings with quotes. */
export const parseSearch = (raw: string): Record<string, string> =>
  Object.fromEntries(new URLSearchParams(raw));

export function stringifySearch(search: Record<string, unknown>): string {
  const kept = Object.entries(search).filter(
    ([, value]) => value !== undefined && value !== "" && value !== null,
  );
  const written = new URLSearchParams(kept.map(([name, value]) => [name, String(value)])).toString();
  return written === "" ? "" : `?${written}`;
}
