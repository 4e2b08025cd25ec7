import should from 'should';
import path from 'node:path';
import { openDatabase } from '../../src/db/database';
import { migrate } from '../../src/db/migrate';
import { IdOf, statement } from '../../src/db/sql-text';
import { SqliteCommitter } from '../../src/db/sqlite-committer';
import { removeFolder, temporaryFolder } from '../support/processes';

describe('The thread that commits on SQLite', () => {
  let folder: string;
  let file: string;
  let committer: SqliteCommitter;

  beforeEach(async () => {
    folder = temporaryFolder('im-committer-');
    file = path.join(folder, 'im.db');
    committer = new SqliteCommitter(file);
    await committer.run([
      statement('create table t (id integer primary key, other integer, text text unique)'),
    ]);
  });
  afterEach(async () => {
    await committer.close();
    removeFolder(folder);
  });

  const insert = (...texts: string[]) =>
    statement(`insert into t (text) values ${texts.map(() => '(?)').join(', ')}`, texts);
  const rows = async () =>
    (await committer.run([statement('select id, other, text from t order by id')]))[0]?.rows;

  it('answers in the order of what it was asked', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_none, index) =>
        committer.run([insert(`t${index}`), statement('select 7 as n')]),
      ),
    );
    should(answers.map(([first]) => first?.insertId)).eql(
      Array.from({ length: 20 }, (_none, index) => index + 1),
    );
    should(answers.every(([, second]) => second?.rows[0]?.n === 7)).be.true();
  });

  it('puts ids that were just made into later statements', async () => {
    await committer.run([
      statement('begin immediate'),
      insert('a', 'b'),
      statement('update t set other = ? where text = ?', [new IdOf(1, -1), 'b']),
      statement('commit'),
    ]);
    should(await rows()).eql([
      { id: 1, other: null, text: 'a' },
      { id: 2, other: 1, text: 'b' },
    ]);
  });

  it("tells the driver's errors, with their codes, and goes on", async () => {
    await committer.run([insert('a')]);
    await committer.run([statement('begin'), insert('b'), insert('a')]).should.be.rejectedWith({
      code: 'SQLITE_CONSTRAINT_UNIQUE',
    });
    await committer.run([statement('rollback')]);
    await committer
      .run([{ ...statement("update t set other = 1 where text = 'none'"), changes: 1 }])
      .should.be.rejectedWith({ code: 'IM_OUTDATED' });
    await committer.run([statement('not sql')]).should.be.rejectedWith({ code: 'SQLITE_ERROR' });
    should(await rows()).eql([{ id: 1, other: null, text: 'a' }]);
  });

  it('fails what was sent behind something that fails, and nothing else', async () => {
    await committer.run([insert('taken')]);
    const failed: unknown[] = [];
    const outcome = (answer: Promise<unknown>) =>
      answer.then(
        () => 'stored',
        (error: unknown) => failed.push((error as { code?: string }).code) && 'failed',
      );
    const behind = { behind: true };
    const outcomes = [
      committer.run([insert('a')]),
      committer.run([insert('b')], behind),
      committer.run([insert('taken')], behind),
      committer.run([insert('c')], behind),
      committer.run([insert('d')], behind),
      committer.run([insert('e')]),
      committer.run([insert('f')], behind),
    ].map(outcome);
    should(await Promise.all(outcomes)).eql([
      'stored',
      'stored',
      'failed',
      'failed',
      'failed',
      'stored',
      'stored',
    ]);
    should(failed).eql(['SQLITE_CONSTRAINT_UNIQUE', 'IM_OUTDATED', 'IM_OUTDATED']);
    should((await rows())?.map(({ text }) => text)).eql(['taken', 'a', 'b', 'e', 'f']);
  });

  it('fails what it was asked when it ends, and begins anew', async () => {
    const broken = new SqliteCommitter(path.join(folder, 'no such folder', 'im.db'));
    const asked = [broken.run([insert('a')]), broken.run([insert('b')])];
    for (const each of asked) await each.should.be.rejectedWith({ code: 'SQLITE_IOERR' });
    await broken.run([insert('c')]).should.be.rejectedWith({ code: 'SQLITE_IOERR' });
    await broken.close();
  });

  it('ends after what it was asked', async () => {
    const last = committer.run([insert('last')]);
    await committer.close();
    await last;
    committer = new SqliteCommitter(file);
    should((await rows())?.length).equal(1);
  });

  it('lets the rest of the process go on, and keeps its readers from what is half done', async () => {
    const database = openDatabase(`sqlite:${path.join(folder, 'own.db')}`);
    await migrate(database);
    let turns = 0;
    const ticking = setInterval(() => (turns += 1), 1);
    const work = database.connection(async (run) => {
      await run([statement(database.dialect.begin)]);
      // A statement that takes a while.
      await run([
        statement(
          `insert into doctors (id, name) with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000)
           select 'D' || i, 'name' from n`,
        ),
      ]);
      const before = turns;
      await run([statement('commit')]);
      return before;
    });
    const count = database.kysely
      .selectFrom('doctors')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .executeTakeFirst();
    should((await work) > 5).be.true();
    should((await count)?.count).equal(200_000);
    clearInterval(ticking);
    await database.close();
  });
});
