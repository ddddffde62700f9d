import { expect, test } from "vitest";
import { type Result, undoOf } from "./run";

const before = { domain_id: "d", local_part: "hello", destinations: ["x"], note: "n", enabled: true };
const result = (given: Partial<Result>): Result => ({
  index: 0,
  action: "change",
  status: 200,
  code: null,
  detail: null,
  id: "a",
  before,
  ...given,
});

test("a change is undone by what the alias was", () => {
  const undo = { action: "change", id: "a", destinations: ["x"], note: "n", enabled: true };
  expect(undoOf([result({})])).toEqual([undo]);
});

test("a deleted alias comes again, a created one goes", () => {
  expect(undoOf([result({ action: "delete", status: 204 })])).toEqual([{ action: "create", ...before }]);
  expect(undoOf([result({ action: "create", status: 201, before: null })])).toEqual([
    { action: "delete", id: "a" },
  ]);
});

test("what was refused has nothing to undo", () => {
  expect(undoOf([result({ status: 404, code: "not_found", detail: "No.", before: null })])).toEqual([]);
});
