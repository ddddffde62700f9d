import { describe, expect, it } from "vitest";
import { detailInWords, inWords } from "./actions";

describe("lines of the audit log", () => {
  it("reads as words", () => {
    expect(inWords("oauth_app.secret_rolled")).toBe("Oauth app secret rolled");
    expect(detailInWords({ enabled: false, scopes: ["a", "b"] })).toBe("enabled: false; scopes: a, b");
    expect(detailInWords({})).toBe("");
    expect(detailInWords({ messages: ["01a20588-c3b5-782f-8869-8fc042ef0685"] })).toBe("messages: 1");
  });
});
