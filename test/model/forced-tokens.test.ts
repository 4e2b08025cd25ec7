import should from 'should';
import { type Database, openDatabase } from '../../src/db/database';
import { databaseNow } from '../../src/db/clock';
import { migrate } from '../../src/db/migrate';
import { fromSqlTime } from '../../src/db/time';
import { takeForcedToken } from '../../src/model/forced-tokens';
import { eachDatabase } from '../support/databases';

eachDatabase('Tokens that WeChat is forced to change', (testDatabase) => {
  let database: Database;

  before(async () => {
    database = openDatabase(await testDatabase.freshUrl());
    await migrate(database);
  });
  beforeEach(() => database.kysely.deleteFrom('server_state').execute());
  after(() => database.close());

  /** `ages`: seconds since each of the earlier ones. */
  async function earlier(...ages: number[]): Promise<void> {
    const now = fromSqlTime(await databaseNow(database.kysely, database.dialect)) / 1000;
    const value = ages.map((age) => String(Math.floor(now - age))).join(' ');
    await database.kysely
      .insertInto('server_state')
      .values({ name: 'wechat_forced_tokens', value })
      .execute();
  }

  it('are one at a time, whoever asks', async () => {
    const taken = await Promise.all(Array.from({ length: 8 }, () => takeForcedToken(database)));
    taken.filter(Boolean).length.should.equal(1);
    should(await takeForcedToken(database)).equal(false);
  });

  const cases: [what: string, ages: number[], may: boolean][] = [
    ['within 30 s of the last one', [20], false],
    ['after that', [33], true],
    ['20 times in a day', Array.from({ length: 20 }, (_, n) => 86_300 - n * 1_000), false],
    ['a twentieth time', Array.from({ length: 19 }, (_, n) => 86_300 - n * 1_000), true],
    [
      'when the first of 20 is a day old',
      [86_401, ...Array.from({ length: 19 }, (_, n) => 86_000 - n)],
      true,
    ],
  ];
  for (const [what, ages, may] of cases) {
    it(`${may ? 'may' : 'may not'} be asked for ${what}`, async () => {
      await earlier(...ages);
      should(await takeForcedToken(database)).equal(may);
      should(await takeForcedToken(database)).equal(false);
    });
  }
});
