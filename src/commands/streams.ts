/** A message that one process committed, as every process hears of it. */
export interface StreamItem {
  sessionId: string;
  id: number;
  /** The id of the message before it in its session. */
  previousId: number;
}

interface Stream<Item> {
  /** The newest message that went through here. */
  lastId: number;
  /** Items that wait for a gap to be filled; undefined: nothing waits. */
  waiting: Item[] | undefined;
}

/**
 * Puts the messages of each session that somebody here hears of into the order of their ids. Processes can overtake each
 * other on their way to the bus, and the bus can lose: a message whose predecessor is missing waits until what lies
 * between was fetched from the database, and an old one is passed over.
 */
export class Streams<Item extends StreamItem> {
  readonly #streams = new Map<string, Stream<Item>>();

  constructor(
    private readonly options: {
      /** Passes a message on; called in the order of ids within a session. */
      emit(item: Item): void;
      /** A message that has gone through here already. */
      stale(item: Item): void;
      /** The messages between two ids, oldest first, both ends left out. */
      fetch(sessionId: string, after: number, before: number): Promise<Item[]>;
      /** The messages could not be fetched: whoever hears of the session must resync by itself. */
      lost(sessionId: string): void;
    },
  ) {}

  /** From now on messages above `lastId` are expected. A stream that runs already is left as it is. */
  open(sessionId: string, lastId: number): void {
    if (!this.#streams.has(sessionId)) this.#streams.set(sessionId, { lastId, waiting: undefined });
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
    } else if (item.id > stream.lastId) {
      if (item.previousId <= stream.lastId) this.#pass(stream, item);
      else void this.#fill(stream, item);
    } else {
      this.options.stale(item);
    }
  }

  /** Fetches everything above what went through here, up to `newestId`: after the bus was away. */
  catchUp(sessionId: string, newestId: number): void {
    const stream = this.#streams.get(sessionId);
    if (stream === undefined || stream.waiting !== undefined || newestId <= stream.lastId) return;
    void this.#fill(stream, undefined, sessionId, newestId + 1);
  }

  /** The newest message that went through, by session. */
  *positions(): Iterable<[sessionId: string, lastId: number]> {
    for (const [sessionId, stream] of this.#streams) yield [sessionId, stream.lastId];
  }

  #pass(stream: Stream<Item>, item: Item): void {
    stream.lastId = item.id;
    this.options.emit(item);
  }

  async #fill(
    stream: Stream<Item>,
    item: Item | undefined,
    sessionId = item?.sessionId ?? '',
    before = item?.id ?? 0,
  ): Promise<void> {
    stream.waiting = item === undefined ? [] : [item];
    while (stream.waiting.length > 0 || item === undefined) {
      const next: Item | undefined = stream.waiting[0];
      const end = next?.id ?? before;
      if (end > stream.lastId && (next === undefined || next.previousId > stream.lastId)) {
        try {
          for (const each of await this.options.fetch(sessionId, stream.lastId, end)) {
            if (each.id > stream.lastId) this.#pass(stream, each);
          }
        } catch {
          stream.waiting = undefined;
          this.options.lost(sessionId);
          return;
        }
      }
      if (next === undefined) break;
      stream.waiting.shift();
      if (next.id > stream.lastId) this.#pass(stream, next);
      else this.options.stale(next);
    }
    const late = stream.waiting;
    stream.waiting = undefined;
    for (const each of late) this.push(each);
  }
}
