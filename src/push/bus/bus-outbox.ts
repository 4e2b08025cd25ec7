/** Text of one batch; a larger one would hold up others on the connection. */
const BATCH_LENGTH = 128 * 1024;
/** Text that may wait; more means that Redis is slower than we are for good, and is given up. */
const MAX_LENGTH = 16 * 1024 * 1024;
/** Batches whose arrival is not confirmed yet. */
const MAX_UNDER_WAY = 8;

interface OutgoingEvent {
  /** undefined: for all */
  to: string | undefined;
  text: string;
}

/** Gathers events into batches: one a turn of the event loop while the bus is quick, larger ones when it is not. */
export class BusOutbox {
  #waiting: OutgoingEvent[] = [];
  #length = 0;
  #underWay = 0;
  #scheduled = false;

  constructor(
    private readonly options: {
      /** Sends the JSON text of an array of events. Settles when Redis has it, or when it is lost. */
      send(to: string | undefined, batch: string): Promise<unknown>;
      /** Events for all were given up. */
      lost(): void;
    },
  ) {}

  /** @param text an event's JSON */
  add(text: string, to: string | undefined): void {
    if (this.#length + text.length > MAX_LENGTH) this.clear();
    this.#waiting.push({ to, text });
    this.#length += text.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  /** Gives up what waits. */
  clear(): void {
    const hadSome = this.#waiting.some(({ to }) => to === undefined);
    this.#waiting = [];
    this.#length = 0;
    if (hadSome) this.options.lost();
  }

  /** Sends what waits, as far as the bus keeps up. */
  flush(): void {
    while (this.#waiting.length > 0 && this.#underWay < MAX_UNDER_WAY) {
      const to = this.#waiting[0]?.to;
      let count = 0;
      let length = 0;
      for (const each of this.#waiting) {
        if (each.to !== to || (count > 0 && length + each.text.length > BATCH_LENGTH)) break;
        count += 1;
        length += each.text.length;
      }
      const batch = this.#waiting.splice(0, count);
      this.#length -= length;
      this.#underWay += 1;
      const sent = () => {
        this.#underWay -= 1;
        this.flush();
      };
      this.options.send(to, `[${batch.map(({ text }) => text).join(',')}]`).then(sent, sent);
    }
  }

  get idle(): boolean {
    return this.#waiting.length === 0 && this.#underWay === 0;
  }
}
