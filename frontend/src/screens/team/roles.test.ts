import { describe, expect, it } from "vitest";
import { givable, mayChange } from "./roles";

describe("roles", () => {
  it("lets only owners make owners", () => {
    expect(givable("owner")).toContain("owner");
    expect(givable("admin")).toEqual(["viewer", "member", "admin"]);
    expect(givable("member")).toEqual([]);
  });

  it("lets an admin change everybody but owners", () => {
    expect(mayChange("admin", "admin")).toBe(true);
    expect(mayChange("admin", "owner")).toBe(false);
    expect(mayChange("viewer", "viewer")).toBe(false);
  });
});
