import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { api } from "./client";
import { Problem } from "./problem";
import { markHere, reach } from "./reach";

const asked: Request[] = [];
let answers: (Response | Error)[] = [];
const real = globalThis.fetch;

beforeEach(() => {
  asked.length = 0;
  globalThis.fetch = async (request) => {
    asked.push(request as Request);
    const next = answers.shift() ?? new Error("no answer left");
    if (next instanceof Error) throw next;
    return next;
  };
});

afterEach(() => {
  globalThis.fetch = real;
  markHere();
});

function json(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
}

const create = () => api.POST("/v1/accounts", { body: { name: "Demo" }, baseUrl: "http://localhost" });
const me = () => api.GET("/v1/me", { baseUrl: "http://localhost" });

test("a refusal is a Problem with the words of the API", async () => {
  answers = [
    json(
      {
        code: "limit_reached",
        detail: "No room.",
        limit: 1,
        errors: [{ loc: ["body", "name"], msg: "Too long" }],
      },
      403,
    ),
  ];
  const problem = await create().catch((error: unknown) => error);
  expect(problem).toBeInstanceOf(Problem);
  expect(problem).toMatchObject({
    status: 403,
    code: "limit_reached",
    detail: "No room.",
    body: { limit: 1 },
  });
  expect((problem as Problem).field("name")).toBe("Too long");
});

test("a POST that met silence is sent once more, with the same key", async () => {
  answers = [new TypeError("network"), json({ id: "1" }, 201)];
  await create();
  expect(asked).toHaveLength(2);
  expect(asked[0]?.headers.get("Idempotency-Key")).toMatch(/^[0-9a-f-]{32,36}$/);
  expect(asked[1]?.headers.get("Idempotency-Key")).toBe(asked[0]?.headers.get("Idempotency-Key"));
});

test("two POSTs have two keys", async () => {
  answers = [json({}, 201), json({}, 201)];
  await create();
  await create();
  expect(asked[0]?.headers.get("Idempotency-Key")).not.toBe(asked[1]?.headers.get("Idempotency-Key"));
});

test("silence is told, and so is the next answer", async () => {
  vi.useFakeTimers();
  answers = [new TypeError("network"), json({})];
  await expect(me()).rejects.toMatchObject({ code: "offline" });
  expect(reach()).toBe("away");
  await me();
  expect(reach()).toBe("here");
  vi.useRealTimers();
});
