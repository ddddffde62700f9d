// The typed client of our own API. The session is a cookie: no secret is ever held here.
import createFetch, { type Middleware } from "openapi-fetch";
import createQueries from "openapi-react-query";
import { goodbye } from "./goodbye";
import { Problem, problemOf, readProblem } from "./problem";
import { markAway, markHere } from "./reach";
import type { components, paths } from "./schema";

/** The shape of what the API shows: `Shown["Domain"]`. */
export type Shown = components["schemas"];

const AGAIN_AFTER = 400;

/** Sends once more what is safe to send twice, when the network was silent: a POST brings its key. */
async function send(request: Request): Promise<Response> {
  const again = request.clone();
  // A deletion may be sent while the page is being left: it must arrive all the same.
  const options = { keepalive: request.method === "DELETE" };
  try {
    return await fetch(request, options);
  } catch (error) {
    if (request.signal.aborted || !request.headers.has("Idempotency-Key")) throw error;
    await new Promise((done) => setTimeout(done, AGAIN_AFTER));
    return fetch(again);
  }
}

const rules: Middleware = {
  onRequest({ request }) {
    if (request.method === "POST" && !request.headers.has("Idempotency-Key")) {
      request.headers.set("Idempotency-Key", newKey());
    }
    return request;
  },
  async onResponse({ response }) {
    if (response.ok) {
      markHere();
      return;
    }
    const problem = await readProblem(response);
    if (problem.isAway) markAway();
    else markHere();
    if (problem.code === "unauthorized") return signIn();
    throw problem;
  },
  onError({ error }) {
    if (error instanceof Problem) return error;
    if (error instanceof DOMException && error.name === "AbortError") return error;
    markAway();
    return problemOf(error);
  },
};

/** A UUID where the page is served securely, else as random a text (http on a name that is not localhost). */
export function newKey(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

/** Leaves for the sign-in page, which brings the person back here. Never resolves: the page is going. */
export function signIn(): Promise<never> {
  const here = window.location.pathname + window.location.search;
  if (goodbye() === undefined) window.location.assign(`/auth/sign-in?next=${encodeURIComponent(here)}`);
  return new Promise(() => undefined);
}

/** For requests outside of a query: `await api.POST("/v1/domains", { body: { name } })`. Throws Problem. */
export const api = createFetch<paths>({ fetch: send });
api.use(rules);

/** For components: `$api.useQuery("get", "/v1/domains/{domain_id}", { params: { path: { domain_id } } })`. */
export const $api = createQueries(api);
