import { setTimeout as delay } from 'node:timers/promises';
import should from 'should';
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise';
import { type Database, openDatabase } from '../../src/db/database';
import { type RunTogether, type StatementResult } from '../../src/db/dialect';
import { type Statement, statement } from '../../src/db/sql-text';
import { requireOrSkip } from '../support/databases';
import { startMariaDb } from '../support/private-mariadb';
import { type PrivateSqlServer } from '../support/private-sql-server';

const BEGIN = statement('start transaction');
const COMMIT = statement('commit');
/** BEGIN, the other BEGIN, and COMMIT. */
const FRAME = 3;

describe('A transaction as a pipeline of prepared statements', () => {
  if (!requireOrSkip('mariadb')) return;

  let url: string;
  let database: Database;
  let beside: Connection;
  let server: PrivateSqlServer;

  before(async () => {
    // What is prepared is counted for the whole server.
    server = await startMariaDb();
    url = await server.createDatabase();
    beside = await mysql.createConnection({ uri: url, charset: 'UTF8MB4_BIN' });
    await beside.query('set session transaction isolation level read committed');
    await beside.query(
      'create table t (id bigint auto_increment primary key, name varchar(100) unique, text longtext, number bigint) default charset=utf8mb4 collate=utf8mb4_bin',
    );
  });
  after(async () => {
    await beside.end();
    await server.remove();
  });
  beforeEach(async () => {
    await beside.query('delete from t');
    database = openDatabase(url, { connections: 2 });
    // By then it is known what the server takes.
    await database.connection((run) => run([statement('select 1')]));
  });
  afterEach(() => database.close());

  const insert = (...names: string[]): Statement =>
    statement(`insert into t (name) values ${names.map(() => '(?)').join(', ')}`, names);
  /** In the way of what the writer sends: fails unless a row has the number. */
  const onlyIf = (name: string, number: number, changes?: number): Statement => ({
    ...statement(
      `insert into t (name, number) values (?, ?) on duplicate key update
      number = case when number = values(number) then 7 else 9223372036854775807 + (number + 1) end`,
      [name, number],
    ),
    ...(changes === undefined ? {} : { changes }),
  });
  const store = (...statements: Statement[]): Promise<StatementResult[] | undefined> =>
    database.connection((run) => run.pipelined!([BEGIN, ...statements, COMMIT]));
  const failureOf = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    );
  async function names(): Promise<string[]> {
    const [rows] = await beside.query<RowDataPacket[]>('select name from t order by id');
    return rows.map((row) => row.name as string);
  }

  it('stores all of it, and tells the ids and how many rows changed', async () => {
    const results = await store(
      insert('a', 'b'),
      statement('insert into t (name, number) values (?, last_insert_id() + ?)', ['c', 1]),
    );
    (await names()).should.eql(['a', 'b', 'c']);
    const [rows] = await beside.query<RowDataPacket[]>('select id, number from t order by id');
    should(results?.map(({ affectedRows }) => affectedRows)).eql([0, 2, 1, 0]);
    should(results?.slice(1, 3).map(({ insertId }) => insertId)).eql([rows[0]?.id, rows[2]?.id]);
    should(rows[2]?.number).equal(rows[1]?.id);
  });

  it('goes on in a transaction that is open, also after a SELECT', async () => {
    await database.connection(async (run) => {
      await run([BEGIN, insert('a'), statement('select name from t for update')]);
      should(await run.pipelined!([insert('b'), COMMIT])).have.length(2);
    });
    (await names()).should.eql(['a', 'b']);
  });

  for (const broken of [0, 1, 2, 3]) {
    it(`stores nothing when statement ${broken + 1} of 4 fails, and tells that failure`, async () => {
      await store(insert('taken'));
      const statements = ['a', 'b', 'c', 'd'].map((name) => insert(name));
      statements[broken] = insert('before it', 'taken');
      const error = await failureOf(store(...statements));
      database.dialect.isUniqueViolation(error).should.be.true();
      (await names()).should.eql(['taken']);
      await store(insert('after it'));
      (await names()).should.eql(['taken', 'after it']);
    });

    it(`stores nothing when statement ${broken + 1} of 4 does not find what it has to`, async () => {
      await store(insert('known'));
      const statements = ['a', 'b', 'c', 'd'].map((name) => insert(name));
      // A new row counts as 1, one that was there and is changed as 2.
      statements[broken] = onlyIf('new', 1, 2);
      const error = await failureOf(store(...statements));
      database.dialect.isOutdated(error).should.be.true();
      (await names()).should.eql(['known']);
    });
  }

  it('stores nothing when an UPDATE finds none, though its look at what was before it is not taken', async () => {
    const update = { ...statement('update t set number = ? where name = ?', [1, 'nobody']), changes: 1 };
    for (const statements of [[insert('a'), update, insert('b')], [update], [insert('a'), update]]) {
      const error = await failureOf(store(...statements));
      database.dialect.isOutdated(error).should.be.true();
    }
    (await names()).should.eql([]);
  });

  it('tells what is outdated from a sum that is refused', async () => {
    await beside.query("insert into t (name, number) values ('x', 1)");
    should(await store(onlyIf('x', 1, 2), insert('a'))).be.ok();
    const error = await failureOf(store(onlyIf('x', 1, 2), insert('b')));
    database.dialect.isOutdated(error).should.be.true();
    (await names()).should.eql(['x', 'a']);
  });

  it('stores nothing after a deadlock, which ends the transaction before its end, and does it again', async () => {
    await beside.query("insert into t (name, number) values ('first', 0), ('second', 0)");
    await beside.query('begin');
    await beside.query("update t force index (name) set number = 1 where name = 'second'");
    let tries = 0;
    const stored = database.connection((run: RunTogether) => {
      tries += 1;
      // The lock of the first is taken, the second one's is waited for.
      const change = (name: string) => ({
        ...statement('update t force index (name) set number = ? where name = ?', [2, name]),
        changes: 1,
      });
      return run.pipelined!([
        BEGIN,
        insert(`of try ${tries}`),
        change('first'),
        change('second'),
        insert('last'),
        COMMIT,
      ]);
    });
    await lockWait(beside);
    // Has changed more than the other, whose transaction is therefore the one to be given up.
    const many = Array.from({ length: 50 }, (_none, index) => `heavy ${index}`);
    await beside.query(`insert into t (name) values ${many.map(() => '(?)').join(', ')}`, many);
    await beside.query("update t force index (name) set number = 1 where name = 'first'");
    await beside.query('commit');
    await stored;
    tries.should.equal(2);
    const left = (await names()).filter((name) => !name.startsWith('heavy'));
    left.should.eql(['first', 'second', 'of try 2', 'last']);
  });

  /** A transaction that waits in its middle for a row that `beside` holds: its connection, and how it will fail. */
  async function heldUp(): Promise<{ thread: number; failed: () => Promise<unknown> }> {
    await beside.query('begin');
    await beside.query("insert into t (name) values ('held')");
    let thread = 0;
    const failed = failureOf(
      database.connection(async (run) => {
        const [found] = await run([statement('select connection_id() as id')]);
        thread = Number(found?.rows[0]?.id);
        return run.pipelined!([BEGIN, insert('a'), insert('held'), insert('b'), COMMIT]);
      }),
    );
    await lockWait(beside);
    return { thread, failed: () => failed };
  }

  it('stores nothing when the connection is lost, and says so', async () => {
    const { failed, thread } = await heldUp();
    await beside.query(`kill connection ${thread}`);
    database.dialect.isUnavailable(await failed()).should.be.true();
    await beside.query('rollback');
    (await names()).should.eql([]);
    await store(insert('on another connection'));
    (await names()).should.eql(['on another connection']);
  });

  it('stores nothing when one of its statements is stopped by an operator', async () => {
    const { failed, thread } = await heldUp();
    await beside.query(`kill query ${thread}`);
    should(await failed()).have.property('errno', 1317);
    await beside.query('rollback');
    (await names()).should.eql([]);
  });

  it('keeps texts of every length, and what is no text', async () => {
    // Around the places where a length takes more bytes: as it is known before, and as it comes out.
    const lengths = [0, 1, 82, 83, 84, 250, 251, 252, 21844, 21845, 21846, 65535, 65536, 400_000];
    const texts = lengths.flatMap((length) =>
      ['a', '中', '\u{1f600}', '\0', "'"].map((character) => character.repeat(length)),
    );
    for (let start = 0; start < texts.length; start += 7) {
      const part = texts.slice(start, start + 7);
      const sql = `insert into t (text, name, number) values ${part.map(() => '(?, ?, ?)').join(', ')}`;
      const values = part.flatMap((text, index) => [text, null, index % 2 === 0 ? null : index]);
      await store(statement(sql, values));
    }
    const [rows] = await beside.query<RowDataPacket[]>('select text, name, number from t order by id');
    rows.length.should.equal(texts.length);
    for (const [index, row] of rows.entries()) {
      should(row.text === texts[index]).be.true(`text ${index}`);
      should(row.name).be.null();
      const place = index % 7;
      should(row.number).equal(place % 2 === 0 ? null : place);
    }
  });

  it('keeps whole numbers up to 2^53', async () => {
    const numbers = [0, 1, -1, 2 ** 31, -(2 ** 31) - 1, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER];
    const all = [...numbers, -Number.MAX_SAFE_INTEGER];
    const sql = `insert into t (number) values ${all.map(() => '(?)').join(', ')}`;
    await store(statement(sql, all));
    const [rows] = await beside.query<RowDataPacket[]>('select number from t order by id');
    rows.map((row) => row.number as number).should.eql(all);
  });

  it('leaves what is no such transaction, or too large, to be sent otherwise', async () => {
    const large = 'x'.repeat(6 * 1024 * 1024);
    await database.connection(async (run) => {
      const asked: Statement[][] = [
        [BEGIN, COMMIT],
        [BEGIN, insert('a')],
        [BEGIN, statement('select 1'), COMMIT],
        [BEGIN, statement('update t set number = ?', [1]), COMMIT],
        [BEGIN, statement('insert into t (name) values (?)', [large]), COMMIT],
        [BEGIN, statement('insert into no_such_table (name) values (?)', ['a']), COMMIT],
      ];
      for (const statements of asked) should(await run.pipelined!(statements)).be.undefined();
    });
    (await names()).should.eql([]);
  });

  it('is not used over a compressed connection', async () => {
    const compressed = openDatabase(`${url}?compress=true`);
    try {
      const statements = [BEGIN, insert('a'), COMMIT];
      await compressed.connection((run) => run([statement('select 1')]));
      await compressed.connection(async (run) => {
        should(await run.pipelined!(statements)).be.undefined();
        await run(statements);
      });
      (await names()).should.eql(['a']);
    } finally {
      await compressed.close();
    }
  });

  describe('sent behind another that is under way', () => {
    /** Two transactions, the second of which does not wait for the first; each told as ids made, or as what failed. */
    const both = async (first: Statement[], second: Statement[]): Promise<unknown[]> => {
      const outcomes: unknown[] = [];
      await failureOf(
        database.connection(async (run) => {
          const answers = [
            run.pipelined!([BEGIN, ...first, COMMIT]),
            run.behind!([BEGIN, ...second, COMMIT]),
          ].map((answer) => failureOf(answer));
          outcomes.push(...(await Promise.all(answers)));
          if (outcomes.some((outcome) => outcome !== undefined)) throw new Error('to be rolled back');
        }),
      );
      return outcomes;
    };
    /** So that nothing has to be prepared in between. */
    const warm = async () => {
      for (const count of [1, 2])
        await store(
          ...Array.from({ length: 4 }, (_none, index) => index + 4 * count).map((n) => insert(`w${n}`)),
          onlyIf(`w-${count}`, 1),
        );
      await beside.query('delete from t');
    };
    const FOUR = ['a', 'b', 'c', 'd'];

    beforeEach(warm);

    it('comes after it, at once', async () => {
      await beside.query('begin');
      await beside.query("insert into t (name) values ('held')");
      const stored = both([insert('a'), insert('held')], [insert('b'), insert('c')]);
      await lockWait(beside);
      // Both are in the server's hands by now, and this process does not hear of the first before the second is done, too.
      await beside.query('rollback');
      should(await stored).eql([undefined, undefined]);
      (await names()).should.eql(['a', 'held', 'b', 'c']);
    });

    for (const broken of [0, 1, 2, 3]) {
      it(`stores nothing when statement ${broken + 1} of 4 before it fails`, async () => {
        await store(insert('taken'));
        const statements = FOUR.map((name) => insert(name));
        statements[broken] = insert('taken');
        const [first, second] = await both(statements, [insert('e'), insert('f')]);
        database.dialect.isUniqueViolation(first).should.be.true();
        database.dialect.isOutdated(second).should.be.true();
        (await names()).should.eql(['taken']);
        await store(insert('after it'));
        (await names()).should.eql(['taken', 'after it']);
      });

      it(`stores nothing when statement ${broken + 1} of 4 before it does not find what it has to`, async () => {
        const statements = FOUR.map((name) => insert(name));
        statements[broken] = onlyIf('new', 1, 2);
        const [first, second] = await both(statements, [insert('e'), insert('f')]);
        database.dialect.isOutdated(first).should.be.true();
        database.dialect.isOutdated(second).should.be.true();
        (await names()).should.eql([]);
      });

      it(`leaves what is before it as it is when its own statement ${broken + 1} of 4 fails`, async () => {
        const statements = FOUR.map((name) => insert(name));
        statements[broken] = insert('first');
        const [first, second] = await both([insert('first')], statements);
        should(first).equal(undefined);
        database.dialect.isUniqueViolation(second).should.be.true();
        (await names()).should.eql(['first']);
      });
    }

    it('stores nothing after a deadlock, which ends the transaction before it', async () => {
      await beside.query("insert into t (name, number) values ('first', 0), ('second', 0)");
      const change = (name: string) => ({
        ...statement('update t force index (name) set number = ? where name = ?', [2, name]),
        changes: 1,
      });
      await store(change('first'));
      await beside.query('begin');
      await beside.query("update t force index (name) set number = 1 where name = 'second'");
      const stored = both([insert('a'), change('first'), change('second')], [insert('b')]);
      await lockWait(beside);
      const many = Array.from({ length: 50 }, (_none, index) => `heavy ${index}`);
      await beside.query(`insert into t (name) values ${many.map(() => '(?)').join(', ')}`, many);
      await beside.query("update t force index (name) set number = 1 where name = 'first'");
      await beside.query('commit');
      const [first, second] = await stored;
      database.dialect.isRetryable(first).should.be.true();
      database.dialect.isOutdated(second).should.be.true();
      const left = (await names()).filter((name) => !name.startsWith('heavy'));
      left.should.eql(['first', 'second']);
    });

    for (const what of ['connection', 'query'] as const) {
      it(`stores nothing when somebody kills the ${what} of the one before it`, async () => {
        await beside.query('begin');
        await beside.query("insert into t (name) values ('held')");
        const stored = both([insert('a'), insert('held')], [insert('b')]);
        await lockWait(beside);
        const [[row]] = await beside.query<RowDataPacket[]>(
          "select trx_mysql_thread_id as id from information_schema.innodb_trx where trx_state = 'LOCK WAIT'",
        );
        await beside.query(`kill ${what} ${row!.id as number}`);
        const [first, second] = await stored;
        database.dialect.isUnavailable(first).should.be.true();

        const { dialect } = database;
        (what === 'query' ? dialect.isOutdated(second) : dialect.isUnavailable(second)).should.be.true();
        await beside.query('rollback');
        (await names()).should.eql([]);
        await store(insert('after it'));
        (await names()).should.eql(['after it']);
      });
    }

    for (const { title, second } of [
      { title: 'not prepared yet', second: [insert('x', 'y', 'z')] },
      {
        title: 'too large for a packet',
        second: [statement('insert into t (text) values (?)', ['é'.repeat(6_000_000)])],
      },
      {
        title: 'no such transaction',
        second: [statement("delete from t where name = 'nobody'"), insert('x')],
      },
    ]) {
      it(`waits for it where it is ${title}, and fails with it all the same`, async () => {
        should(await both([insert('a')], second)).eql([undefined, undefined]);
        const [{ 'count(*)': count }] = (
          await beside.query<RowDataPacket[]>('select count(*) from t')
        )[0] as [RowDataPacket];
        should(count).equal(second[0]?.sql.includes('?), (?') ? 4 : 2);
        await beside.query("delete from t where name is null or name <> 'a'");
        const [first, failed] = await both([insert('b'), insert('a')], second);
        database.dialect.isUniqueViolation(first).should.be.true();
        database.dialect.isOutdated(failed).should.be.true();
        (await names()).should.eql(['a']);
      });
    }
  });

  describe('what is prepared', () => {
    const status = async (name: string): Promise<number> => {
      const [rows] = await beside.query<RowDataPacket[]>('show global status like ?', [name]);
      return Number(rows[0]?.Value);
    };
    let openBefore: number;
    beforeEach(async () => (openBefore = await status('Prepared_stmt_count')));
    const open = async () => (await status('Prepared_stmt_count')) - openBefore;

    it('is prepared once', async () => {
      const before = await status('Com_stmt_prepare');
      for (let count = 0; count < 3; count += 1)
        await store(insert(`a${count}`), insert(`b${count}`, `c${count}`));
      should((await status('Com_stmt_prepare')) - before).equal(2 + FRAME);
    });

    it('is not more than a server should keep', async () => {
      for (let count = 0; count < 500; count += 1) {
        await store(statement(`insert into t (name) values (concat(?, '${count}'))`, ['x']));
      }
      should(await open()).be.within(300, 400);
      (await names()).length.should.equal(500);
    });

    it('is not relied on where a transaction has more than is kept', async () => {
      const large = [4, 5].map((tens) => {
        const values = Array.from({ length: tens * 10_000 }, (_none, index) => index);
        return statement(`insert into t (number) values ${values.map(() => '(?)').join(', ')}`, values);
      });
      should(await store(...large)).be.undefined();
      (await names()).should.eql([]);
      should(await store(insert('small'))).be.ok();
    });

    it('is less, where the statements are large', async () => {
      for (let count = 0; count < 30; count += 1) {
        const rows = 4_000 + count;
        const values = Array.from({ length: rows }, (_none, index) => index);
        await store(statement(`insert into t (number) values ${values.map(() => '(?)').join(', ')}`, values));
        await beside.query('delete from t');
      }
      should(await open()).be.within(15 + FRAME, 20 + FRAME);
    });
  });
});

/** Resolves when a transaction waits for a lock. The server refreshes what it says of them only for who asks seldom. */
async function lockWait(beside: Connection): Promise<void> {
  for (let count = 0; count < 50; count += 1) {
    await delay(150);
    const [rows] = await beside.query<RowDataPacket[]>(
      "select 1 from information_schema.innodb_trx where trx_state = 'LOCK WAIT'",
    );
    if (rows.length > 0) return;
  }
  throw new Error('nobody waits for a lock');
}
