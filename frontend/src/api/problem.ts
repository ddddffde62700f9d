// A refusal of the API (problem+json, RFC 9457), or the silence of a network, as one kind of error.
import type { components } from "./schema";

export type ProblemBody = components["schemas"]["Problem"];
export type ProblemCode = ProblemBody["code"] | "offline";

/** `detail` is written for people and shown as it is; `code` is for decisions of ours. */
export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    readonly status: number,
    readonly code: ProblemCode,
    readonly detail: string,
    readonly body: Partial<ProblemBody> = {},
  ) {
    super(detail);
  }

  /** Nobody answered, or a fault of ours: what is on screen stays, and we ask again. */
  get isAway(): boolean {
    return this.code === "offline" || this.status === 502 || this.status === 503 || this.status === 504;
  }

  /** The message for a field of the body, by its name: to stand below the input. */
  field(name: string): string | undefined {
    return this.body.errors?.find((each) => each.loc.at(-1) === name)?.msg;
  }
}

const SILENCE = "We cannot reach Clearpost. Check your connection.";

export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, "offline", SILENCE);
}

export async function readProblem(response: Response): Promise<Problem> {
  const body: Partial<ProblemBody> = await response.json().catch(() => ({}));
  const detail = body.detail ?? `The server answered ${response.status}.`;
  return new Problem(response.status, body.code ?? "bad_request", detail, body);
}
