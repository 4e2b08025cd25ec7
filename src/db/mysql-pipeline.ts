import { LRUCache } from 'lru-cache';
import { type PoolConnection } from 'mysql2';
import { executeSize, PACKET_LIMIT, PacketWriter } from './mysql-packets';
import { LARGEST, OUT_OF_RANGE, type StatementResult } from './dialect';
import { type Statement, statement } from './sql-text';
import { Outdated } from './sqlite-statements';

/**
 * A transaction as prepared statements that are sent together, none of them waiting for the answer to the one before.
 * Reading literals is a third of what a large transaction costs MariaDB; parameters come as they are. The driver would
 * wait after each statement, so this is a command of our own in its queue.
 *
 * The server goes on after a statement that failed, so each one first looks at what the one before it came to
 * (`row_count()`, -1 after an error), and fails unless that is as expected; COMMIT, too, comes after such a look.
 * Protocol: https://mariadb.com/kb/en/com_stmt_execute/
 */

/** What the driver's connections have beyond their types. */
interface Wire {
  addCommand(command: Command): void;
  write(bytes: Buffer): void;
  /** The one that waits for its answers, and those that come after it. */
  readonly _command: Command | undefined;
  readonly _commands: { readonly length: number };
  /** Of the next packet. */
  sequenceId: number;
  readonly clientEncoding: string;
  /** `compress` is a flag's number where it is on. */
  readonly config: { compress?: boolean | number };
}

interface AnswerPacket {
  isError(): boolean;
  asError(encoding: string): Error;
  readInt8(): number;
  readLengthCodedNumber(): number;
}

/** What the driver's queue takes. */
interface Command {
  execute(packet: AnswerPacket | undefined, wire: Wire): boolean;
  onResult(error: Error): void;
  stateName(): string;
}

/**
 * What a connection keeps prepared. Texts differ by their numbers of rows: a few for each number that there is, up to 64 of
 * them within these limits. A parameter takes 600 bytes of the server's memory, so a connection 50 MB at most.
 */
const PREPARED_LIMITS = { max: 400, maxSize: 80_000 };

/** How many rows the statement before has to have changed. */
type Expected = readonly [least: number, most: number];
/** Parameters that say it. */
const EXPECTED = 2;
const NONE: Expected = [0, 0];
const ANY: Expected = [0, 0x7fffffff];
/** Before the first one there may have been a SELECT, which counts as -1, too. */
const WHATEVER: Expected = [-1, 0x7fffffff];

/** The parameters of what begins and ends a transaction. */
const NO_PARAMETERS: readonly never[] = [];

const BEGIN = 'start transaction';
const COMMIT = 'commit';
/** An error's number that `Dialect.isOutdated` knows. */
const FAIL = `signal sqlstate '22003' set mysql_errno = ${OUT_OF_RANGE}`;
/**
 * BEGIN of a transaction that was sent before it was known what became of the last one: COMMIT leaves 0. After a failure
 * it would commit what of that one is left.
 */
const BEGIN_BEHIND = `begin not atomic if row_count() = 0 then start transaction; else ${FAIL}; end if; end`;

/** A value, if `row_count()` is as expected; else it fails in the way of `Dialect.isOutdated`, by a sum that is too large. */
const GUARD = `case when row_count() between ? and ? then ? else ${LARGEST} + (row_count() + 2) end`;

/** COMMIT, in the same way. A compound statement is answered once. */
function commitAfter(work: readonly Statement[]): string {
  const [least, most] = expectedOf(work.at(-1));
  return `begin not atomic if row_count() between ${least} and ${most} then commit; else ${FAIL}; end if; end`;
}

/** What stands before and behind what is done. (Read anew each time, they would be a tenth of what a lone message costs.) */
const FRAME = [statement(BEGIN), statement(BEGIN_BEHIND)];

/**
 * With the look at the statement before it in the place of its first value: evaluated whenever an INSERT or a SET does anything,
 * or an UPDATE changes as many rows as it has to.
 */
function guarded(sql: string): string {
  return sql.replace('?', GUARD);
}

function canBeGuarded({ changes, parameters, sql }: Statement): boolean {
  return parameters.length > 0 && (changes !== undefined || /^(insert|set) /.test(sql));
}

/** What is prepared on each connection: the ids of statements by their texts. */
const prepared = new WeakMap<PoolConnection, LRUCache<string, number>>();

function preparedOn(connection: PoolConnection): LRUCache<string, number> {
  const known = prepared.get(connection);
  if (known !== undefined) return known;
  const made = new LRUCache<string, number>({
    ...PREPARED_LIMITS,
    dispose: (_id, sql) => connection.unprepare(guarded(sql)),
  });
  prepared.set(connection, made);
  return made;
}

/** @returns undefined when the server does not take it */
function prepare(connection: PoolConnection, { parameters, sql }: Statement): Promise<number | undefined> {
  return new Promise((resolve) => {
    connection.prepare(guarded(sql), (error, statement) => {
      if (error instanceof Error) {
        resolve(undefined);
        return;
      }
      const { id } = statement as unknown as { id: number };
      preparedOn(connection).set(sql, id, { size: Math.max(1, parameters.length) });
      resolve(id);
    });
  });
}

/**
 * Runs statements that end with COMMIT, and begin with BEGIN unless a transaction is open.
 * @returns undefined where they can't be run in this way: then nothing was
 * @throws the first error of a statement; `Outdated` where one did not find what it had to. Nothing is committed then, and
 * the transaction may be open still.
 */
export async function runPipelined(
  connection: PoolConnection,
  statements: readonly Statement[],
): Promise<StatementResult[] | undefined> {
  const { work } = partsOf(statements);
  if (!canBePipelined(connection, statements)) return undefined;
  const known = preparedOn(connection);
  for (const each of [...FRAME, statement(commitAfter(work)), ...work]) {
    if (known.get(each.sql) === undefined && (await prepare(connection, each)) === undefined)
      return undefined;
  }
  const bytes = encode(connection, statements, BEGIN);
  return bytes === undefined ? undefined : add(connection, bytes, statements);
}

/**
 * The same, but written at once, behind a transaction that is under way in this way, and done only if that one is: fails
 * (`Dialect.isOutdated`) if it fails.
 * @returns undefined where they can't be run in this way, or not now: then nothing was
 */
export function runPipelinedBehind(
  connection: PoolConnection,
  statements: readonly Statement[],
): Promise<StatementResult[]> | undefined {
  const wire = connection as unknown as Wire;
  const { begins } = partsOf(statements);
  if (!begins || !canBePipelined(connection, statements)) return undefined;
  if (!(wire._command instanceof PipelinedCommand) || wire._commands.length > 0) return undefined;
  const bytes = encode(connection, statements, BEGIN_BEHIND);
  if (bytes === undefined) return undefined;
  wire.write(bytes);
  return add(connection, undefined, statements);
}

/** Without its BEGIN and its COMMIT. */
function partsOf(statements: readonly Statement[]): { begins: boolean; work: readonly Statement[] } {
  const begins = statements[0]?.sql === BEGIN;
  return { begins, work: statements.slice(begins ? 1 : 0, -1) };
}

function canBePipelined(connection: PoolConnection, statements: readonly Statement[]): boolean {
  const { work } = partsOf(statements);
  // Compressed packets are counted across what is sent together, and the driver counts them a command at a time.
  if ((connection as unknown as Wire).config.compress) return false;
  return statements.at(-1)?.sql === COMMIT && work.length > 0 && work.every(canBeGuarded);
}

/** @param bytes undefined: they are written */
function add(
  connection: PoolConnection,
  bytes: Buffer | undefined,
  statements: readonly Statement[],
): Promise<StatementResult[]> {
  return new Promise((resolve, reject) => {
    const command = new PipelinedCommand(bytes, statements, (error, results) => {
      if (error !== undefined) reject(error);
      else resolve(results);
    });
    (connection as unknown as Wire).addCommand(command);
  });
}

class PipelinedCommand implements Command {
  readonly #results: StatementResult[] = [];
  #error: Error | undefined;
  #done = false;

  constructor(
    private readonly bytes: Buffer | undefined,
    private readonly statements: readonly Statement[],
    private readonly callback: (error: Error | undefined, results: StatementResult[]) => void,
  ) {}

  /** The driver calls it to begin, and then for each packet; true ends it. */
  execute(packet: AnswerPacket | undefined, wire: Wire): boolean {
    if (packet === undefined) {
      if (this.bytes !== undefined) wire.write(this.bytes);
      wire.sequenceId = 1;
      return false;
    }
    if (packet.isError()) {
      // What comes after it fails on its account.
      this.#error ??= packet.asError(wire.clientEncoding);
      this.#results.push({ rows: [], insertId: 0, affectedRows: 0 });
    } else {
      packet.readInt8();
      const affectedRows = packet.readLengthCodedNumber();
      const insertId = packet.readLengthCodedNumber();
      const changes = this.statements[this.#results.length]?.changes;
      if (changes !== undefined && changes !== affectedRows) this.#error ??= new Outdated();
      this.#results.push({ rows: [], insertId, affectedRows });
    }
    wire.sequenceId = 1;
    if (this.#results.length < this.statements.length) return false;
    this.#end(this.#error);
    return true;
  }

  /** The driver's word that the connection is lost. */
  onResult(error: Error): void {
    this.#end(error);
  }

  stateName(): string {
    return 'pipelined';
  }

  #end(error: Error | undefined): void {
    if (this.#done) return;
    this.#done = true;
    this.callback(error, this.#results);
  }
}

/**
 * @param begin how it begins, if it does
 * @returns undefined when one of them is not prepared (any more), or takes more than a packet
 */
function encode(
  connection: PoolConnection,
  statements: readonly Statement[],
  begin: string,
): Buffer | undefined {
  const { begins, work } = partsOf(statements);
  const known = preparedOn(connection);
  const beginId = known.get(begin);
  const commitId = known.get(commitAfter(work));
  if (beginId === undefined || commitId === undefined) return undefined;
  const ids = work.map(({ sql }) => known.get(sql));
  const sizes = work.map(({ parameters }) => executeSize(EXPECTED + parameters.length, parameters));
  if (sizes.some((size) => size > PACKET_LIMIT)) return undefined;
  const frame = 2 * executeSize(0, NO_PARAMETERS);
  const writer = new PacketWriter(sizes.reduce((sum, size) => sum + size, frame));
  if (begins) writer.execute(beginId, NO_PARAMETERS, NO_PARAMETERS);
  let expected = begins ? NONE : WHATEVER;
  for (const [index, statement] of work.entries()) {
    const id = ids[index];
    if (id === undefined) return undefined;
    writer.execute(id, expected, statement.parameters);
    expected = expectedOf(statement);
  }
  writer.execute(commitId, NO_PARAMETERS, NO_PARAMETERS);
  return writer.bytes;
}

function expectedOf(statement: Statement | undefined): Expected {
  return statement?.changes === undefined ? ANY : [statement.changes, statement.changes];
}
