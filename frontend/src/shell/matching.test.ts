import { expect, test } from "vitest";
import { matching } from "./matching";

const all = ["Domains", "Add a domain", "Billing", "Create an API key"].map((title) => ({
  id: title,
  title,
  group: "",
  run: () => undefined,
}));
const found = (wanted: string) => matching(all, wanted).map(({ title }) => title);

test("a title that begins so comes first, then a word that does", () => {
  expect(found("dom")).toEqual(["Domains", "Add a domain"]);
});

test("letters in their order are enough", () => expect(found("crk")).toEqual(["Create an API key"]));
test("nothing wanted is everything", () => expect(found(" ")).toHaveLength(4));
test("nothing is called that", () => expect(found("zzz")).toEqual([]));
