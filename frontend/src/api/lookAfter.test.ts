import { renderHook } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useLookAfter } from "./lookAfter";

const NOW = Date.parse("2026-11-22T12:00:00Z");

beforeEach(() => void vi.useFakeTimers({ now: NOW }));
afterEach(() => void vi.useRealTimers());

function watch(moment: string | null) {
  const look = vi.fn();
  const { rerender } = renderHook(({ at }) => useLookAfter(moment, at, look), { initialProps: { at: 0 } });
  return { look, looked: (at: number) => rerender({ at }) };
}

test("what ends by itself is asked for a moment after", () => {
  const { look } = watch("2026-11-22T13:00:00Z");
  vi.advanceTimersByTime(3_600_000);
  expect(look).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1000);
  expect(look).toHaveBeenCalledOnce();
});

test("an API that does not agree yet is asked again, and not all the time", () => {
  const { look, looked } = watch("2026-11-22T11:00:00Z");
  vi.advanceTimersByTime(10_000);
  expect(look).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(60_000);
  expect(look).toHaveBeenCalledTimes(1);
  looked(1);
  vi.advanceTimersByTime(10_000);
  expect(look).toHaveBeenCalledTimes(2);
});

test("where nothing ends nothing is asked", () => {
  const { look } = watch(null);
  vi.advanceTimersByTime(3_600_000);
  expect(look).not.toHaveBeenCalled();
});
