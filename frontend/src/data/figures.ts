// Figures in words, by Intl.
const LANGUAGE = document.documentElement.lang || "en";
const NUMBER = new Intl.NumberFormat(LANGUAGE);
const SHORT = new Intl.NumberFormat(LANGUAGE, { notation: "compact", maximumFractionDigits: 1 });
const STEPS = [
  ["gigabyte", 1 << 30],
  ["megabyte", 1 << 20],
  ["kilobyte", 1 << 10],
  ["byte", 1],
] as const;

export function number(value: number): string {
  return NUMBER.format(value);
}

/** "12K": for axes and small places. */
export function short(value: number): string {
  return SHORT.format(value);
}

/** "10 MB": by 1,024, as the limits of plans are meant. */
export function bytes(value: number): string {
  const [unit, size] = STEPS.find(([, size]) => value >= size) ?? STEPS[3];
  const style = { style: "unit", unit, maximumFractionDigits: value / size < 10 ? 1 : 0 } as const;
  return new Intl.NumberFormat(LANGUAGE, style).format(value / size);
}

/** `amount` in the smallest unit of the currency, as the API gives it: 900 and "usd" are "$9". */
export function money(amount: number, currency: string): string {
  const format = new Intl.NumberFormat(LANGUAGE, {
    style: "currency",
    currency: currency.toUpperCase(),
    trailingZeroDisplay: "stripIfInteger",
  });
  return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

/** 1 of 4 as "25 %". */
export function percent(part: number, whole: number): string {
  const share = whole === 0 ? 0 : part / whole;
  return new Intl.NumberFormat(LANGUAGE, { style: "percent", maximumFractionDigits: 0 }).format(share);
}
