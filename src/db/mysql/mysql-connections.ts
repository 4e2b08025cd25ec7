import { type MysqlPool, type MysqlPoolConnection } from 'kysely';
import { type Pool, type PoolConnection } from 'mysql2';
import { log } from '../../logger';
import { repeat } from '../../repeat';
import { isOfNoUse, isWithoutTls, withCode } from './mysql-errors';

/** Longer than a statement may wait for a lock, shorter than the 10 s that a request may wait. */
const SILENCE_LIMIT_MS = 9_000;
/** What one bad connection says of the others is looked at once in this time: a database may be read-only for long. */
const DISTRUST_EVERY_MS = 1_000;

export interface IdleLimits {
  /** After this long without use a connection is asked whether it is still there, */
  checkAfterMs: number;
  /** and has this long to answer. */
  checkMs: number;
  /** After this long without use it is closed: a NAT may forget it. */
  closeAfterMs: number;
}

const IDLE_LIMITS: IdleLimits = { checkAfterMs: 5_000, checkMs: 1_000, closeAfterMs: 50_000 };
const SWEEPS = 5;

type Callback = (error: unknown, result: unknown) => void;
type GetConnection = (error: unknown, connection: MysqlPoolConnection) => void;

/**
 * Lends the connections of a pool, and throws away those that are of no use any more. It has the form in which Kysely takes a
 * pool.
 *
 * A host that freezes, or a network that swallows everything, never says that a connection is lost. TCP takes many minutes
 * to notice, and mysql2 waits as long. So a connection that does not answer in time is broken off: whoever waits gets the
 * error of a lost connection, and the next one asks a new connection. And after a failover connections lead to the old
 * primary, which takes no writes: those that are as old as the one where this showed are not used again.
 */
export class MysqlConnections implements MysqlPool {
  #pool: Pool;
  #limitsSilence = false;
  /** Times are ms of the monotonic clock. */
  readonly #openedAt = new WeakMap<PoolConnection, number>();
  /** Connections that nobody uses, and since when, the longest idle first. */
  readonly #idleSince = new Map<PoolConnection, number>();
  #trustedSince = -Infinity;
  readonly #endSweeps: () => void;

  /**
   * @param mayBePlain whether a server that knows no TLS is asked without
   * @param open makes the pool
   */
  constructor(
    private mayBePlain: boolean,
    private readonly open: (isEncrypted: boolean) => Pool,
    private readonly limits = IDLE_LIMITS,
  ) {
    this.#pool = this.#open(true);
    this.#endSweeps = repeat(limits.closeAfterMs / SWEEPS, () => {
      this.#closeIdle();
      return Promise.resolve();
    });
  }

  #open(isEncrypted: boolean): Pool {
    const pool = this.open(isEncrypted);
    pool.on('connection', (connection) => {
      // It may be lost while nobody uses it, and each later attempt to use it is an error again: unheard, one ends the process.
      connection.on('error', () => this.#idleSince.delete(connection));
    });
    return pool;
  }

  /** From now on a query that is not answered within 9 s costs its connection. */
  limitSilence(): void {
    this.#limitsSilence = true;
  }

  getConnection(callback: GetConnection): void {
    this.#pool.getConnection((error: unknown, connection: PoolConnection) => {
      if (this.mayBePlain && isWithoutTls(error)) {
        this.mayBePlain = false;
        log.warn(
          'the database knows no TLS, and ssl-mode PREFERRED allows that: the connection is not encrypted',
        );
        this.#pool = this.#open(false);
        this.getConnection(callback);
      } else if (error instanceof Error) callback(withCode(error), undefined as never);
      else this.#lendChecked(connection, callback);
    });
  }

  /** A connection that nobody used for a while may be gone: it is asked first, and another one taken where it is. */
  #lendChecked(connection: PoolConnection, callback: GetConnection): void {
    const idleSince = this.#idleSince.get(connection);
    this.#idleSince.delete(connection);
    if (!this.#isTrusted(connection)) {
      connection.destroy();
      this.getConnection(callback);
      return;
    }
    const lend = () => {
      const limits = () => this.#limitsSilence;
      callback(
        null,
        new LentConnection(connection, limits, (isGood) => this.#takeBack(connection, isGood)) as never,
      );
    };
    if (idleSince === undefined || performance.now() - idleSince < this.limits.checkAfterMs) {
      lend();
      return;
    }
    let isOver = false;
    const end = (isAlive: boolean) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      if (isAlive) lend();
      else {
        this.#distrustOlderThan(connection);
        connection.destroy();
        this.getConnection(callback);
      }
    };
    const timer = setTimeout(() => end(false), this.limits.checkMs);
    connection.ping((error: unknown) => end(!(error instanceof Error)));
  }

  #isTrusted(connection: PoolConnection): boolean {
    const openedAt = this.#openedAt.get(connection) ?? performance.now();
    this.#openedAt.set(connection, openedAt);
    return openedAt >= this.#trustedSince;
  }

  /** This connection is of no use: whatever made it so, a failover or a network, those that are open now have gone through it, too. */
  #distrustOlderThan(connection: PoolConnection): void {
    const now = performance.now();
    if (this.#isTrusted(connection) && now - this.#trustedSince > DISTRUST_EVERY_MS) this.#trustedSince = now;
  }

  #takeBack(connection: PoolConnection, isGood: boolean): void {
    if (!isGood) this.#distrustOlderThan(connection);
    if (isGood && this.#isTrusted(connection)) {
      this.#idleSince.set(connection, performance.now());
      connection.release();
    } else connection.destroy();
  }

  #closeIdle(): void {
    const before = performance.now() - this.limits.closeAfterMs;
    for (const [connection, since] of this.#idleSince) {
      if (since > before) return;
      this.#idleSince.delete(connection);
      // Says goodbye, so that the server's log has no word of it.
      connection.end();
    }
  }

  /** @throws the driver's error when no connection can be had */
  lend(): Promise<LentConnection> {
    return new Promise((resolve, reject) => {
      this.getConnection((error, connection) => {
        if (error instanceof Error) reject(error);
        else resolve(connection as unknown as LentConnection);
      });
    });
  }

  end(callback: (error: unknown) => void): void {
    this.#endSweeps();
    this.#pool.end(callback);
  }
}

/** A connection of the pool until its `release`. */
export class LentConnection {
  #isLost = false;
  #isGood = true;

  /** @param giveBack is told whether the connection is good for others */
  constructor(
    private readonly connection: PoolConnection,
    private readonly limitsSilence: () => boolean,
    private readonly giveBack: (isGood: boolean) => void,
  ) {}

  query(sql: string, values: unknown[], callback: Callback): void {
    let timer: NodeJS.Timeout | undefined;
    let isAnswered = false;
    const answer: Callback = (error, result) => {
      if (isAnswered) return;
      isAnswered = true;
      clearTimeout(timer);
      if (isOfNoUse(error)) this.#isGood = false;
      callback(withCode(error), result);
    };
    if (this.limitsSilence()) {
      timer = setTimeout(() => {
        this.destroy();
        answer(Object.assign(new Error('the database is silent'), { code: 'ETIMEDOUT' }), undefined);
      }, SILENCE_LIMIT_MS);
    }
    this.connection.query(sql, values, answer);
  }

  /** The same as a promise. */
  ask(sql: string, values: unknown[] = []): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.query(sql, values, (error, result) => {
        if (error instanceof Error) reject(error);
        else resolve(result);
      });
    });
  }

  destroy(): void {
    this.#isLost = true;
    this.connection.destroy();
  }

  release(): void {
    // What was broken off says nothing of the others: one statement may have been slow.
    if (!this.#isLost) this.giveBack(this.#isGood);
  }
}
