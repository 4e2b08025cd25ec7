import { type Bus, type BusEvent } from './bus/bus';
import { type Sockets, UNBOUND } from './sockets/sockets';

/** Who is connected, in any process. */
export interface Presence {
  /** Whether the user has any socket. */
  isOnline(userId: string): boolean;
  /** Whether the user has a socket that is bound to the session. */
  isBound(sessionId: string, userId: string): boolean;
  /** Whether the user has a socket that gets the session's events: one bound to it, or a doctor's that is bound to none. */
  hears(sessionId: string, userId: string): boolean;
  /** The same for a socket whose phone is not in the background. */
  looksAt(sessionId: string, userId: string): boolean;
}

/** How many entries one event holds. */
const PART = 1_000;
/** An answer that does not come, or stops coming, is asked for again. */
const ASK_AGAIN_MS = 500;
const START_LIMIT_MS = 1_000;

/** What is known of another process. */
interface Other {
  entries: Set<string>;
  /** Its answer to our question, as far as it has come. */
  coming: Set<string>;
  /** Since when an answer is due; undefined: everything is known. */
  askedAt: number | undefined;
}

/**
 * Who is connected to this process and, as long as the bus works, to the others: each tells the changes, and everything
 * when it is asked. So a question is answered at once, out of memory. A dead process's users go when the bus takes it for
 * gone. Without the bus presence is this process's own.
 */
export class SharedPresence implements Presence {
  readonly #others = new Map<string, Other>();
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly bus: Bus,
    private readonly sockets: Sockets,
    private readonly askAgainMs = ASK_AGAIN_MS,
  ) {
    bus.listen({
      event: (event, from) => this.#receive(event, from),
      missed: (from) => {
        if (from !== undefined) this.#ask(from);
        // The bus is back: what was asked while it was not did not go out.
        else for (const id of this.#incomplete()) this.#ask(id);
      },
      gone: (from) => this.#others.delete(from),
    });
    this.#timer = setInterval(() => this.#askAgain(), askAgainMs);
    this.#timer.unref();
  }

  /** Resolves when everything is known of every process that the bus knows, or after a second. */
  async start(): Promise<void> {
    const giveUp = performance.now() + START_LIMIT_MS;
    while (this.#incomplete().length > 0 && performance.now() < giveUp) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  isOnline(userId: string): boolean {
    return this.sockets.isOnline(userId) || this.#isElsewhere(userId);
  }

  isBound(sessionId: string, userId: string): boolean {
    return this.sockets.isBound(sessionId, userId) || this.#isElsewhere(boundEntry(sessionId, userId));
  }

  hears(sessionId: string, userId: string): boolean {
    return this.isBound(sessionId, userId) || this.isBound(UNBOUND, userId);
  }

  looksAt(sessionId: string, userId: string): boolean {
    return [sessionId, UNBOUND].some(
      (place) =>
        (this.sockets.isBound(place, userId) && !this.sockets.isAsleep(place, userId)) ||
        this.#isElsewhere(boundEntry(place, userId), asleepEntry(place, userId)),
    );
  }

  /** To be told of a user's first socket here, and of the end of the last one. */
  userChanged(userId: string, online: boolean): void {
    this.#tell(userId, online);
  }

  /** The same for sockets that are bound to the session. */
  boundChanged(sessionId: string, userId: string, bound: boolean): void {
    this.#tell(boundEntry(sessionId, userId), bound);
  }

  /** The same when all of them have gone to the background, or no longer. */
  asleepChanged(sessionId: string, userId: string, asleep: boolean): void {
    this.#tell(asleepEntry(sessionId, userId), asleep);
  }

  #tell(entry: string, there: boolean): void {
    if (!this.bus.shared) return;
    this.bus.publish({ kind: 'presence', added: there ? [entry] : [], removed: there ? [] : [entry] });
  }

  /** Whether another process has this entry, and not the one that takes it back. */
  #isElsewhere(entry: string, unless?: string): boolean {
    if (!this.bus.healthy) return false;
    for (const { entries } of this.#others.values()) {
      if (entries.has(entry) && (unless === undefined || !entries.has(unless))) return true;
    }
    return false;
  }

  #receive(event: BusEvent, from: string): void {
    if (event.kind === 'presence-ask') this.#answer(from);
    if (event.kind !== 'presence') return;
    const other = this.#other(from);
    const { added, removed, whole } = event;
    if (whole === undefined) {
      for (const entry of added) other.entries.add(entry);
      for (const entry of removed) other.entries.delete(entry);
      return;
    }
    for (const entry of added) other.coming.add(entry);
    if (whole === 'part') {
      if (other.askedAt !== undefined) other.askedAt = performance.now();
      return;
    }
    other.entries = other.coming;
    other.coming = new Set();
    other.askedAt = undefined;
  }

  #other(id: string): Other {
    let other = this.#others.get(id);
    if (other === undefined) {
      other = { entries: new Set(), coming: new Set(), askedAt: undefined };
      this.#others.set(id, other);
    }
    return other;
  }

  #ask(id: string): void {
    const other = this.#other(id);
    other.coming = new Set();
    other.askedAt = performance.now();
    this.bus.publish({ kind: 'presence-ask' }, id);
  }

  #incomplete(): string[] {
    return [...this.#others].flatMap(([id, { askedAt }]) => (askedAt === undefined ? [] : [id]));
  }

  #askAgain(): void {
    if (!this.bus.healthy) return;
    const before = performance.now() - this.askAgainMs;
    for (const id of this.#incomplete())
      if ((this.#others.get(id)?.askedAt ?? -Infinity) <= before) this.#ask(id);
  }

  /** Everything at once: what changes from now on is published behind it. */
  #answer(to: string): void {
    const pairs = [...this.sockets.boundPairs()];
    const bound = pairs.map(([sessionId, userId]) => boundEntry(sessionId, userId));
    const asleep = pairs
      .filter(([sessionId, userId]) => this.sockets.isAsleep(sessionId, userId))
      .map(([sessionId, userId]) => asleepEntry(sessionId, userId));
    const entries = [...new Set([...this.sockets.users(), ...bound, ...asleep])];
    let start = 0;
    do {
      const added = entries.slice(start, start + PART);
      start += PART;
      const whole = start < entries.length ? 'part' : 'last';
      this.bus.publish({ kind: 'presence', added, removed: [], whole }, to);
    } while (start < entries.length);
  }
}

/** No id holds a blank. */
function boundEntry(sessionId: string, userId: string): string {
  return `${sessionId} ${userId}`;
}

/** Stands beside the other entry: all sockets there are in the background. No id holds a tilde. */
function asleepEntry(sessionId: string, userId: string): string {
  return `~${boundEntry(sessionId, userId)}`;
}
