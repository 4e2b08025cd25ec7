import { describeError, log } from '../../logger';

/** A message that one process committed, as every process hears of it. */
export interface StreamItem {
  sessionId: string;
  id: number;
  /** The id of the message before it in its session. */
  previousId: number;
}

interface Stream<Item> {
  readonly sessionId: string;
  /** The newest message that went through here. */
  lastId: number;
  /** Items that wait for what is missing before them, or for the stream's beginning; undefined: nothing is missing. */
  waiting: Item[] | undefined;
  /** A message that is known to exist, whether or not an item tells of it. */
  wanted: number;
  /** Settles when it is known where the stream begins; undefined: it is. */
  opening: Promise<void> | undefined;
}

export interface StreamOptions<Item> {
  /** Passes a message on; called in the order of ids within a session. */
  emit(item: Item): void;
  /** A message that has gone through here already. */
  stale(item: Item): void;
  /** The newest messages' ids of these sessions; a session without an entry has none. */
  positions(sessionIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** The messages between two ids, oldest first, both ends left out. */
  fetch(sessionId: string, after: number, before: number): Promise<Item[]>;
  /** Resolves when what this process was committing in the session has been pushed. */
  settled(sessionId: string): Promise<void>;
  /** What went through the session's stream has changed. */
  passed?(sessionId: string): void;
  /** The messages could not be fetched: whoever hears of the session must resync by itself. */
  lost(sessionId: string): void;
  /** Whether the log says already why the messages could not be fetched. */
  isTold(error: unknown): boolean;
}

/**
 * Puts the messages of each session that somebody here hears of into the order of their ids. Processes can overtake each
 * other on their way to the bus, and the bus can lose: a message whose predecessor is missing waits until what lies
 * between was fetched from the database, and an old one is passed over.
 */
export class Streams<Item extends StreamItem> {
  readonly #streams = new Map<string, Stream<Item>>();

  constructor(private readonly options: StreamOptions<Item>) {}

  /**
   * Messages of these sessions are put in order from now on: what comes while their newest messages are being read waits,
   * so nothing falls between. Streams that run already are left as they are.
   * @returns when all of them run
   * @throws what `positions` throws
   */
  async open(sessionIds: readonly string[]): Promise<void> {
    const fresh = sessionIds.filter((id) => !this.#streams.has(id));
    if (fresh.length > 0) {
      const streams = fresh.map((sessionId): Stream<Item> => {
        return { sessionId, lastId: 0, waiting: [], wanted: 0, opening: undefined };
      });
      for (const stream of streams) this.#streams.set(stream.sessionId, stream);
      const opening = this.#begin(streams);
      for (const stream of streams) stream.opening = opening;
    }
    const openings = sessionIds.flatMap((id) => this.#streams.get(id)?.opening ?? []);
    await Promise.all(new Set(openings));
  }

  close(sessionId: string): void {
    this.#streams.delete(sessionId);
  }

  push(item: Item): void {
    const stream = this.#streams.get(item.sessionId);
    if (stream === undefined) {
      this.options.emit(item);
    } else if (stream.waiting !== undefined) {
      stream.waiting.push(item);
    } else if (item.id <= stream.lastId) {
      this.options.stale(item);
    } else if (item.previousId <= stream.lastId) {
      this.#pass(stream, item);
    } else {
      stream.waiting = [item];
      void this.#fill(stream);
    }
  }

  /** Fetches everything above what went through here, up to `newestId`: after the bus was away. */
  catchUp(sessionId: string, newestId: number): void {
    const stream = this.#streams.get(sessionId);
    if (stream === undefined) return;
    stream.wanted = Math.max(stream.wanted, newestId);
    if (stream.waiting !== undefined || newestId <= stream.lastId) return;
    stream.waiting = [];
    void this.#fill(stream);
  }

  /** The newest message that went through; undefined where no stream runs. */
  position(sessionId: string): number | undefined {
    return this.#streams.get(sessionId)?.lastId;
  }

  sessions(): string[] {
    return [...this.#streams.keys()];
  }

  #pass(stream: Stream<Item>, item: Item): void {
    stream.lastId = item.id;
    this.options.emit(item);
    this.options.passed?.(stream.sessionId);
  }

  async #begin(streams: readonly Stream<Item>[]): Promise<void> {
    try {
      const positions = await this.options.positions(streams.map(({ sessionId }) => sessionId));
      for (const stream of streams) stream.lastId = positions.get(stream.sessionId) ?? 0;
    } catch (error) {
      for (const stream of streams) {
        if (this.#streams.get(stream.sessionId) === stream) this.#streams.delete(stream.sessionId);
        for (const item of stream.waiting ?? []) this.options.emit(item);
      }
      throw error;
    } finally {
      for (const stream of streams) stream.opening = undefined;
    }
    for (const stream of streams) void this.#fill(stream);
  }

  /** Passes on what waits, in order, with what is missing between; returns at once where nothing is. */
  async #fill(stream: Stream<Item>): Promise<void> {
    const waiting = stream.waiting ?? [];
    try {
      for (;;) {
        const next = waiting[0];
        if (next === undefined ? stream.wanted <= stream.lastId : next.previousId <= stream.lastId) {
          if (next === undefined) break;
          waiting.shift();
          if (next.id > stream.lastId) this.#pass(stream, next);
          else this.options.stale(next);
        } else {
          await this.#fetch(stream, waiting, next?.id ?? stream.wanted);
        }
      }
    } catch (error) {
      if (!this.options.isTold(error))
        log.warn(`sockets come again, for what they missed could not be read: ${describeError(error)}`);
      // Whoever sent one of them is answered; all sockets come again and sync, so nobody needs what was missed.
      for (const item of waiting) this.options.stale(item);
      stream.lastId = Math.max(stream.lastId, stream.wanted, ...waiting.map((item) => item.id));
      this.options.lost(stream.sessionId);
    }
    stream.waiting = undefined;
    this.options.passed?.(stream.sessionId);
  }

  /** Passes on everything above what went through here, up to `end`. */
  async #fetch(stream: Stream<Item>, waiting: Item[], end: number): Promise<void> {
    const found = await this.options.fetch(stream.sessionId, stream.lastId, end + 1);
    // What is being committed here is in the database before it is pushed, and only the pushed item knows its sender's
    // socket: it goes in the place of what was fetched.
    await this.options.settled(stream.sessionId);
    const items = new Map(found.map((item) => [item.id, item]));
    for (const item of waiting) if (item.id > stream.lastId && item.id <= end) items.set(item.id, item);
    const rest = waiting.filter((item) => !items.has(item.id));
    waiting.splice(0, waiting.length, ...rest);
    for (const item of [...items.values()].sort((first, second) => first.id - second.id))
      this.#pass(stream, item);
    stream.lastId = Math.max(stream.lastId, end);
  }
}
