import { type Database } from '../../db/database';
import { type SqlTime } from '../../db/time';
import { describeError, log } from '../../logger';
import { lastIdBefore } from '../../model/messages';
import { participationsAmong, participationsOf } from '../../model/participants';
import { revokedAmong } from '../../model/tokens';
import { type Bus } from '../../push/bus/bus';
import { repeat } from '../../repeat';
import { type Connection } from '../../push/sockets/connection';
import { type Sockets } from '../../push/sockets/sockets';
import { type Deliver } from './deliver';
import { type NameCache } from '../sending/name-cache';
import { type Tokens } from '../access/tokens';

/** Gaps come in crowds; and a database that is away is tried again after this. */
const PAUSE_MS = 500;
/** While the bus is away, what others do is looked for so often, or less often where that takes long. */
const AWAY_EVERY_MS = 5_000;
const AWAY_SHARE = 10;
const SOCKETS_A_QUERY = 500;
/** Unbound doctors have hundreds of sessions each. */
const DOCTORS_A_QUERY = 20;

export interface HealingOptions {
  database: Database;
  bus: Bus;
  sockets: Sockets;
  deliver: Deliver;
  tokens: Tokens;
  names: NameCache;
}

/**
 * Makes good what this process missed on the bus, from the database: revoked tokens, participants who came or went, and
 * messages. Runs when the bus says so (it was away, events were lost, another process died before it could tell), and
 * again and again while it is away.
 */
export class Healing {
  readonly #end: () => void;
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;
  #awayRunAfter = 0;

  constructor(private readonly options: HealingOptions) {
    const { bus } = options;
    bus.listen({ missed: () => void this.run(), gone: () => void this.run() });
    this.#end = repeat(AWAY_EVERY_MS, async () => {
      const begin = performance.now();
      if (bus.healthy || begin < this.#awayRunAfter) return;
      await this.run();
      const end = performance.now();
      this.#awayRunAfter = end + (end - begin) * AWAY_SHARE;
    });
  }

  /** Something may have been missed. Resolves when it is made good; never rejects. */
  run(): Promise<void> {
    this.options.tokens.distrust();
    this.options.names.clear();
    this.#again = true;
    this.#running ??= this.#run();
    return this.#running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#end();
    await this.#running;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (this.#again && !this.#closed) {
      this.#again = false;
      try {
        await this.#closeRevoked();
        await this.#closeRemoved();
        await this.#watchAgain();
        await this.options.deliver.catchUp();
        failures = 0;
      } catch (error) {
        failures += 1;
        this.#again = true;
        if (!this.options.database.outage.explains(error) && failures === 1)
          log.warn(`what was missed could not be read, trying again: ${describeError(error)}`);
      }
      if (this.#again) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS).unref());
    }
    this.#running = undefined;
  }

  async #closeRevoked(): Promise<void> {
    const { database, deliver, sockets } = this.options;
    for (const part of parts([...sockets.all], SOCKETS_A_QUERY)) {
      const inUse = part.map(({ user }) => {
        return { tokenId: user.tokenId, userId: user.id, generation: user.tokenGeneration };
      });
      const revoked = await revokedAmong(database.kysely, inUse);
      for (const { user } of part) {
        if (revoked.has(user.tokenId)) deliver.listeners.closeRevoked(user.id, { tokenId: user.tokenId });
      }
    }
  }

  async #closeRemoved(): Promise<void> {
    const { database, deliver, sockets } = this.options;
    const bound = [...sockets.all].flatMap((connection) => {
      const { sessionId } = connection;
      return sessionId === null ? [] : [{ connection, sessionId, userId: connection.user.id }];
    });
    for (const part of parts(bound, SOCKETS_A_QUERY)) {
      const there = await participationsAmong(database.kysely, part);
      for (const { connection, sessionId, userId } of part) {
        if (there.get(sessionId)?.has(userId) !== true) deliver.listeners.closeRemoved(connection);
      }
    }
  }

  /** Unbound sockets hear of the sessions that their doctors came to, and no longer of those that they left. */
  async #watchAgain(): Promise<void> {
    const { database, sockets } = this.options;
    const doctors = [...sockets.users()].filter((id) => [...sockets.ofUser(id)].some(({ bound }) => !bound));
    for (const part of parts(doctors, DOCTORS_A_QUERY)) {
      // Before the query: what a socket comes to hear of meanwhile is right.
      const watched = part.flatMap((id) =>
        [...sockets.ofUser(id)].flatMap((connection) =>
          connection.bound ? [] : [{ connection, before: [...connection.watched()] }],
        ),
      );
      const sessions = await participationsOf(database.kysely, part);
      for (const { before, connection } of watched) {
        await this.#watchOnly(connection, before, sessions.get(connection.user.id) ?? new Map());
      }
    }
  }

  /** @param sessions the doctor's, with the time up to which it has read each */
  async #watchOnly(
    connection: Connection,
    before: readonly string[],
    sessions: ReadonlyMap<string, SqlTime>,
  ): Promise<void> {
    const { database, deliver } = this.options;
    for (const sessionId of before) {
      if (!sessions.has(sessionId)) deliver.listeners.unwatch(connection, sessionId);
    }
    for (const [sessionId, readUpTo] of sessions) {
      if (connection.watches(sessionId) || !connection.opened) continue;
      await deliver.listeners.watch(
        connection,
        sessionId,
        await lastIdBefore(database.kysely, sessionId, readUpTo),
      );
    }
  }
}

function* parts<T>(all: readonly T[], size: number): Iterable<T[]> {
  for (let start = 0; start < all.length; start += size) yield all.slice(start, start + size);
}
