import should from 'should';
import { sql } from 'kysely';
import { type Database, openDatabase } from '../../src/db/database';
import { migrate } from '../../src/db/migrate';
import { findMessages, lastIdBefore } from '../../src/model/messages';
import { settleNotices } from '../../src/model/notices';
import { messagesBefore, sessionsWithMessagesBefore } from '../../src/model/retention';
import { searchMessages } from '../../src/model/search';
import { participantsWithUnread, unreadCount, unreadCounts, unreadMessages } from '../../src/model/unread';
import { eachSqlServer } from '../support/databases';
import { numbers } from '../support/numbers';
import { rowsRead } from '../support/rows-read';

const MESSAGES = 5_000;
const UNREAD = 3;
const PAGE = 10;
const SETTLED = 20_000;
const WAITING = 6_000;
const SESSION = { id: 's', type: 1 };

const DAY = "date_add('2026-01-01 00:00:00.000', interval seq second)";
/** The time of the n-th message, from 0. */
const timeOf = (n: number) =>
  new Date(Date.UTC(2026, 0, 1) + n * 1000).toISOString().replace('T', ' ').slice(0, 23);

eachSqlServer('The rows that a query reads of a session of many messages', (kind) => {
  let database: Database;

  before(async () => {
    // One connection beside the writer's: what is counted is counted for it.
    database = openDatabase(await kind.freshUrl(), { connections: 2 });
    await migrate(database);
    const run = (text: string) => sql.raw(text).execute(database.kysely);
    await run(`insert into muc_messages (session_id, sender_id, sender_name, type, content, timestamp)
      select 's', 'D', 'D', 1, '"x"', ${DAY} from ${numbers(0, MESSAGES - 1)} order by seq`);
    await run(`insert into muc_messages (session_id, sender_id, sender_name, type, content, timestamp)
      select concat('other', seq), 'D', 'D', 1, '"x"', ${DAY} from ${numbers(0, MESSAGES - 1)} order by seq`);
    await run(`insert into sessions (id, type, name, business_type, create_date, clock_time, last_message_time)
      values ('s', 1, 's', 2, '2026-01-01', '2026-02-01', '${timeOf(MESSAGES - 1)}')`);
    await run(`insert into participants (session_id, participant_id, type, last_fetch_time)
      values ('s', 'P', 'patient', '${timeOf(MESSAGES - 1 - UNREAD)}'), ('s', 'Q', 'patient', '${timeOf(MESSAGES - 1)}')`);
    // A quarter of them waits: as many as of a table of which the whole would be read.
    await run(`insert into notices (channel, session_id, message_id, user_id, state, create_time, update_time, due_time)
      select 'wechat', if(seq < ${SETTLED}, concat('other', seq), 's'), seq, 'P', if(seq < ${SETTLED}, 'skipped', 'pending'), ${DAY}, ${DAY}, ${DAY}
      from ${numbers(1, SETTLED + WAITING - 1)}`);
    await run('analyze table muc_messages, sessions, participants, notices');
  });
  after(() => database.close());

  const db = () => database.kysely;
  const READS: {
    title: string;
    run: () => Promise<unknown>;
    expected: (result: unknown) => unknown;
    rows: number;
  }[] = [
    {
      title: 'the newest page',
      run: () => findMessages(db(), 'muc_messages', 's', { limit: PAGE }),
      expected: (result) => (result as { rows: unknown[] }).rows.length === PAGE,
      rows: 2 * PAGE,
    },
    {
      title: 'a page in the middle',
      run: () => findMessages(db(), 'muc_messages', 's', { limit: PAGE, before: MESSAGES / 2 }),
      expected: (result) => (result as { rows: unknown[] }).rows.length === PAGE,
      rows: 2 * PAGE,
    },
    {
      title: 'the count of what is unread in a session',
      run: () => unreadCount(db(), SESSION, 'P'),
      expected: (result) => result === UNREAD,
      rows: 20,
    },
    {
      title: 'to whom something is unread in a session',
      run: () => participantsWithUnread(db(), SESSION, ['P', 'Q']),
      expected: (result) => (result as string[]).join(' ') === 'P',
      rows: 20,
    },
    {
      title: 'the counts of what is unread in all sessions',
      run: () => unreadCounts(db(), 'P'),
      expected: (result) => (result as Map<string, number>).get('s') === UNREAD,
      rows: 20,
    },
    {
      title: 'what is unread',
      run: () => unreadMessages(db(), SESSION, 'P', undefined, PAGE),
      expected: (result) => (result as { rows: unknown[] }).rows.length === UNREAD,
      rows: 20,
    },
    {
      title: 'what was found, in a look near the end',
      run: () => searchMessages(db(), 'muc_messages', 's', { words: 'X', limit: PAGE }),
      expected: (result) => (result as { rows: unknown[] }).rows.length === PAGE,
      rows: 1_200,
    },
    {
      title: 'the last message before a time near the end',
      run: () => lastIdBefore(db(), 's', timeOf(MESSAGES - 5)),
      expected: (result) => result === MESSAGES - 4,
      rows: 20,
    },
    {
      title: 'whether there is anything to delete',
      run: () => sessionsWithMessagesBefore(db(), 'muc_messages', ['s'], timeOf(0)),
      expected: (result) => (result as unknown[]).length === 0,
      rows: 10,
    },
    {
      title: 'the oldest messages, as far as they are to be deleted',
      run: () => messagesBefore(db(), 'muc_messages', 's', timeOf(4), PAGE),
      expected: (result) => (result as unknown[]).length === 4,
      rows: 4 * PAGE,
    },
  ];

  it('are those that wait, when they are settled', async () => {
    const { result, rows } = await rowsRead(database, () =>
      settleNotices(db(), database.dialect, 'wechat', [
        { sessionId: 's', userId: 'P', messageId: SETTLED + WAITING },
      ]),
    );
    rows.should.be.within(1, WAITING + 10);
    should(result).equal(WAITING);
  });

  for (const { title, run, expected, rows: most } of READS) {
    it(`are few: ${title}`, async () => {
      // The first time may open a table anew, for which MySQL reads, and counts, rows of its dictionary.
      await run();
      const { result, rows } = await rowsRead(database, run);
      should(expected(result)).be.true();
      rows.should.be.belowOrEqual(most);
    });
  }
});
