// The list of messages of one filter, alive: pages of the API, news as they come, and after each silence a look at
// what came since. Must never lose news that came while a page was on its way.
import { api } from "../../api/client";
import type { LogEvent } from "../../api/live";
import { type Problem, problemOf } from "../../api/problem";
import { type Held, type Message, merged, told } from "./held";
import { type LogFilter, matches } from "./matching";

const PAGE = 50;
const CATCH_UP = 100;
/** Pages of what was missed; where there is more, the list begins anew. */
const MOST_PAGES = 20;
/** In ms: messages become visible a little out of their order. */
const OVERLAP = 60_000;

export interface State {
  held: Held | undefined;
  problem: Problem | null;
  isMore: boolean;
}
type Ask = { limit: number; cursor?: string };
type Found = { data: Message[]; next_cursor: string | null; searched_back_to: string | null };

export class Tail {
  state: State;
  readonly #filter: LogFilter;
  readonly #watchers = new Set<() => void>();
  /** What was heard while each request is on its way. */
  readonly #flights = new Set<LogEvent[]>();

  constructor(filter: LogFilter, held: Held | undefined) {
    this.#filter = filter;
    this.state = { held, problem: null, isMore: false };
  }

  subscribe = (run: () => void): (() => void) => {
    this.#watchers.add(run);
    return () => this.#watchers.delete(run);
  };

  /** From the newest on, whatever is held. */
  begin = async (): Promise<void> => {
    try {
      await this.#lay(
        () => ask(this.#filter, { limit: PAGE }),
        (page) => ({ rows: page.data, cursor: page.next_cursor, back: page.searched_back_to }),
      );
    } catch (error) {
      this.#set({ problem: problemOf(error) });
    }
  };

  /** What came since the newest that is held; everything where nothing is. */
  catchUp = async (): Promise<void> => {
    const newest = this.state.held?.rows[0]?.received_at;
    if (newest === undefined) return this.begin();
    try {
      await this.#lay(
        () => askSince(this.#filter, newest),
        (found, held) => held && found && { ...held, rows: merged(held.rows, found) },
      );
    } catch {
      // The banner tells that the API is away; its return brings us here again.
    }
  };

  more = async (): Promise<void> => {
    const cursor = this.state.held?.cursor;
    if (cursor == null || this.state.isMore) return;
    this.#set({ isMore: true });
    try {
      await this.#lay(
        () => ask(this.#filter, { limit: PAGE, cursor }),
        (page, held) =>
          held && {
            rows: merged(held.rows, page.data),
            cursor: page.next_cursor,
            back: page.searched_back_to,
          },
      );
    } catch {
      // As above; the button stays.
    } finally {
      this.#set({ isMore: false });
    }
  };

  hear(news: LogEvent): void {
    for (const flight of this.#flights) flight.push(news);
    const { held } = this.state;
    if (held !== undefined) this.#set({ held: this.#told(held, news) });
  }

  /** Lays what is found beneath what was heard while it was on its way. */
  async #lay<Page>(
    find: () => Promise<Page>,
    change: (found: Page, held: Held | undefined) => Held | undefined,
  ): Promise<void> {
    const heard: LogEvent[] = [];
    this.#flights.add(heard);
    try {
      const found = await find();
      const next = change(found, this.state.held);
      if (next === undefined) return this.begin();
      this.#set({ held: heard.reduce((held, news) => this.#told(held, news), next), problem: null });
    } finally {
      this.#flights.delete(heard);
    }
  }

  #told(held: Held, { message, event }: LogEvent): Held {
    return told(held, message, matches(this.#filter, message, event.type));
  }

  #set(change: Partial<State>): void {
    if (change.held === this.state.held && Object.keys(change).length === 1) return;
    this.state = { ...this.state, ...change };
    for (const run of this.#watchers) run();
  }
}

async function ask(filter: LogFilter, page: Ask): Promise<Found> {
  const { data } = await api.GET("/v1/logs/messages", { params: { query: { ...filter, ...page } } });
  return data as Found;
}

/** What was received since shortly before `newest`; undefined where that is too much. */
async function askSince(filter: LogFilter, newest: string): Promise<Message[] | undefined> {
  const from = new Date(Date.parse(newest) - OVERLAP).toISOString();
  const since =
    filter.since !== undefined && Date.parse(filter.since) > Date.parse(from) ? filter.since : from;
  const found: Message[] = [];
  let next: string | null = null;
  for (let count = 0; count < MOST_PAGES; count += 1) {
    const page: Found = await ask(
      { ...filter, since },
      { limit: CATCH_UP, ...(next !== null && { cursor: next }) },
    );
    found.push(...page.data);
    next = page.next_cursor;
    if (next === null) return found;
  }
  return undefined;
}
