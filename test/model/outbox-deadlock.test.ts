import should from 'should';
import mysql from 'mysql2/promise';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, openDatabase } from '../../src/db/database';
import { migrate } from '../../src/db/migrate';
import { type NoticeRow } from '../../src/db/schema';
import { finishNotice } from '../../src/model/notices';
import { type Finished } from '../../src/model/outbox';
import { finishPush } from '../../src/model/push-notices';
import { eachSqlServer } from '../support/databases';

const TIME = '2026-01-01 00:00:00.000';
/** The server takes back whichever transaction has changed less. */
const OTHERS = 50;
const WAIT_MS = 300;
const SENT: Finished = { state: 'sent', attempts: 1, last_error: null };

eachSqlServer('What became of a notice', (kind) => {
  let database: Database;
  let other: mysql.Connection;

  before(async () => {
    const url = await kind.freshUrl();
    database = openDatabase(url, { connections: 4 });
    await migrate(database);
    other = await mysql.createConnection(url);
  });
  after(async () => {
    await other.end();
    await database.close();
  });

  /** A notice that this worker has claimed, and others. */
  async function claimed(channel: 'wechat' | 'getui'): Promise<NoticeRow> {
    await database.kysely.deleteFrom('notices').execute();
    const rows = Array.from({ length: OTHERS + 1 }, (_, n) => ({
      channel,
      session_id: 's',
      message_id: n + 1,
      user_id: 'P',
      client_id: channel === 'getui' ? 'c' : null,
      state: n === 0 ? ('pending' as const) : ('failed' as const),
      claimed_by: n === 0 ? 'w' : null,
      create_time: TIME,
      update_time: TIME,
      due_time: TIME,
    }));
    await database.kysely.insertInto('notices').values(rows).execute();
    return database.kysely
      .selectFrom('notices')
      .selectAll()
      .where('state', '=', 'pending')
      .executeTakeFirstOrThrow();
  }

  const FINISHES: [
    title: string,
    channel: 'wechat' | 'getui',
    finish: (row: NoticeRow) => Promise<string | undefined>,
  ][] = [
    ['WeChat', 'wechat', (row) => finishNotice(database, new Set(), 'w', row, SENT)],
    ['a push', 'getui', async (row) => (await finishPush(database, new Set(), 'w', row, SENT)).state],
  ];
  for (const [title, channel, finish] of FINISHES) {
    it(`is written once more where another transaction was in its way: ${title}`, async () => {
      const row = await claimed(channel);
      await other.beginTransaction();
      await other.query("update notices set last_error = 'other' where id > ?", [row.id]);
      // Shared, and read from the index alone: the row itself stays free, until the update wants its place in that index, too.
      await other.query(
        'select state from notices force index (notices_due) where channel = ? and state = ? and due_time = ? lock in share mode',
        [channel, 'pending', TIME],
      );
      const finished = finish(row);
      await sleep(WAIT_MS);
      await other.query('update notices set attempts = 7 where id = ?', [row.id]);
      await other.commit();
      should(await finished).equal(SENT.state);
      const { state } = await database.kysely
        .selectFrom('notices')
        .select('state')
        .where('id', '=', row.id)
        .executeTakeFirstOrThrow();
      should(state).equal('sent');
    });
  }
});
