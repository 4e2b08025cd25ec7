import { type MysqlPool, type MysqlPoolConnection } from 'kysely';
import { type Pool, type PoolConnection } from 'mysql2';
import { log } from '../../logger';
import { isReadOnly, isWithoutTls } from './mysql-errors';

/** Longer than a statement may wait for a lock, shorter than the 10 s that a request may wait. */
const SILENCE_LIMIT_MS = 9_000;
/** After this long without use a connection is asked whether it is still there, and has this long to answer. */
const CHECK_AFTER_MS = 5_000;
const CHECK_LIMIT_MS = 1_000;

type Callback = (error: unknown, result: unknown) => void;
type GetConnection = (error: unknown, connection: MysqlPoolConnection) => void;

/**
 * Lends the connections of a pool, and throws away those that are of no use any more. It has the form in which Kysely takes a
 * pool.
 *
 * A host that freezes, or a network that swallows everything, never says that a connection is lost. TCP takes many minutes
 * to notice, and mysql2 waits as long. So a connection that does not answer in time is broken off: whoever waits gets the
 * error of a lost connection, and the next one asks a new connection.
 */
export class MysqlConnections implements MysqlPool {
  #pool: Pool;
  #limitsSilence = false;
  /** ms of the monotonic clock */
  readonly #lastUsed = new WeakMap<PoolConnection, number>();

  /**
   * @param mayBePlain whether a server that knows no TLS is asked without
   * @param open makes the pool
   */
  constructor(
    private mayBePlain: boolean,
    private readonly open: (isEncrypted: boolean) => Pool,
  ) {
    this.#pool = open(true);
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
        this.#pool = this.open(false);
        this.getConnection(callback);
      } else if (error instanceof Error) callback(error, undefined as never);
      else this.#lendChecked(connection, callback);
    });
  }

  /** A connection that nobody used for a while may be gone: it is asked first, and another one taken where it is. */
  #lendChecked(connection: PoolConnection, callback: GetConnection): void {
    const lastUsed = this.#lastUsed.get(connection);
    const lend = () => {
      const lent = new LentConnection(
        connection,
        () => this.#limitsSilence,
        () => this.#lastUsed.set(connection, performance.now()),
      );
      callback(null, lent as never);
    };
    if (lastUsed === undefined || performance.now() - lastUsed < CHECK_AFTER_MS) {
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
        connection.destroy();
        this.getConnection(callback);
      }
    };
    const timer = setTimeout(() => end(false), CHECK_LIMIT_MS);
    connection.ping((error) => end(error === null));
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
    this.#pool.end(callback);
  }
}

/** A connection of the pool until its `release`. */
export class LentConnection {
  #isSpoiled = false;

  constructor(
    private readonly connection: PoolConnection,
    private readonly limitsSilence: () => boolean,
    private readonly used: () => void,
  ) {}

  query(sql: string, values: unknown[], callback: Callback): void {
    let timer: NodeJS.Timeout | undefined;
    let isAnswered = false;
    const answer: Callback = (error, result) => {
      if (isAnswered) return;
      isAnswered = true;
      clearTimeout(timer);
      if (isReadOnly(error)) this.#isSpoiled = true;
      callback(error, result);
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
    this.#isSpoiled = true;
    this.connection.destroy();
  }

  release(): void {
    this.used();
    if (this.#isSpoiled) this.connection.destroy();
    else this.connection.release();
  }
}
