import { describe, expect, it } from "vitest";
import { curlExample } from "./example";

const ORIGIN = "https://clearpost.test";

describe("the example of a key", () => {
  it("asks for what its scopes open", () => {
    const key = { scopes: ["logs:read", "domains:write"] as const, domain_ids: null };
    expect(curlExample(key, "cp_live_x", ORIGIN)).toBe(
      'curl -H "Authorization: Bearer cp_live_x" \\\n  https://clearpost.test/v1/messages',
    );
  });

  it("asks nothing of the account for a key that is limited to some domains", () => {
    const key = { scopes: ["account:read", "domains:read"] as const, domain_ids: ["d"] };
    expect(curlExample(key, "s", ORIGIN)).toContain("/v1/domains");
    expect(curlExample({ ...key, scopes: ["account:read"] }, "s", ORIGIN)).toBeNull();
  });

  it("is none for a key that reads nothing", () => {
    expect(curlExample({ scopes: ["aliases:write"], domain_ids: null }, "s", ORIGIN)).toBeNull();
  });
});
