import should from 'should';
import { sql } from 'kysely';
import { type Database, openDatabase, type Queryable } from '../../src/db/database';
import { migrate } from '../../src/db/migrate';
import { runIn } from '../../src/db/statement';
import { type LockedSession, lockSession } from '../../src/model/appending/locked-session';
import { claimPushes } from '../../src/model/claim-pushes';
import { activeDevices, activeDevicesOn, deviceOfToken, devicesOf } from '../../src/model/devices';
import { claimUnnamed, filesOfRecalled, isSentTo, unnamedOf } from '../../src/model/files';
import { claimNotices, findNotices, settleNotices } from '../../src/model/notices';
import { finishPush, newerWasSent, sentPushes, skipCallPushes } from '../../src/model/push-notices';
import { skipNotices } from '../../src/model/recalls';
import { revivePushes } from '../../src/model/revived-pushes';
import { endedEventsBefore, settledNoticesBefore } from '../../src/model/retention';
import { waitingSince } from '../../src/model/topics';
import { claimEvents, findEvents, finishEvents, resendEvent } from '../../src/model/webhook-events';
import { eachSqlServer } from '../support/databases';
import { numbers } from '../support/numbers';
import { rowsRead } from '../support/rows-read';

/** So many rows of each kind are none that a query looks for. */
const OTHERS = 8_000;
/** What a query may read for the few rows that it looks for. */
const FEW = 100;
const WAITING = 3;

const THEN = "'2026-01-01 00:00:00.000'";
const NEVER = "'2096-01-01 00:00:00.000'";

const NOTICE = `insert into notices
  (channel, session_id, message_id, user_id, client_id, state, create_time, update_time, due_time, task_id, fallback_time)`;
const EVENT = `insert into webhook_events
  (id, type, session_id, sequence, state, create_time, update_time, due_time, message_id)`;
const FILE = 'insert into files (id, user_id, name, mime, size, create_time, unnamed_since)';

/** Much of everything, and little that waits. `P` is in the sessions `s` and `s2`, and so is its phone `c`. */
function filling(): string[] {
  const seq = numbers(1, OTHERS);
  const few = numbers(1, WAITING);
  return [
    `insert into sessions (id, type, name, business_type, create_date, clock_time)
      values ('s', 1, 's', 1, ${THEN}, ${THEN}), ('s2', 1, 's', 1, ${THEN}, ${THEN}), ('s3', 1, 's', 1, ${THEN}, ${THEN}), ('stuck', 1, 's', 1, ${THEN}, ${THEN})`,
    `insert into sessions (id, type, name, business_type, create_date, clock_time)
      select concat('other', seq), 1, 's', 1, ${THEN}, ${THEN} from ${seq}`,
    `insert into participants (session_id, participant_id, type, last_fetch_time)
      values ('s', 'P', 'patient', ${THEN}), ('s', 'D', 'doctor', ${THEN}), ('s2', 'P', 'patient', ${THEN}), ('s3', 'P', 'patient', ${THEN})`,
    `insert into participants (session_id, participant_id, type, last_fetch_time)
      select concat('other', seq), concat('P', seq), 'patient', ${THEN} from ${seq}`,
    `insert into devices (client_id, user_id, platform, in_background, state, token_id, update_time)
      select concat('c', seq), concat('P', seq), 'ios', 0, 'active', concat('t', seq), ${THEN} from ${seq}`,
    `insert into devices (client_id, user_id, platform, in_background, state, token_id, update_time)
      values ('c', 'P', 'ios', 0, 'active', 't', ${THEN})`,
    // What the phone got in this session in the last days, and what waits for it.
    `${NOTICE} select 'getui', 's', seq, 'P', 'c', 'sent', ${THEN}, ${THEN}, ${THEN}, 'task', null from ${seq}`,
    `${NOTICE} select 'getui', 's', ${OTHERS} + seq, 'P', 'c', 'pending', ${THEN}, ${THEN}, ${THEN}, null, ${NEVER} from ${few}`,
    `${NOTICE} select 'getui', 's2', seq, 'P', 'c', 'sent', ${THEN}, ${THEN}, ${THEN}, 'task', null from ${seq}`,
    `${NOTICE} select 'getui', 's2', ${OTHERS} + seq, 'P', 'c', 'pending', ${THEN}, ${THEN}, ${NEVER}, null, null from ${few}`,
    `${NOTICE} select 'getui', 's3', seq, 'P', 'c', 'skipped', ${THEN}, ${THEN}, ${THEN}, null, null from ${seq}`,
    `${NOTICE} select 'getui', 's3', ${OTHERS} + 1, 'P', 'c', 'pending', ${THEN}, ${THEN}, ${NEVER}, null, null`,
    // WeChat's daily quota is used up: all of these wait.
    `${NOTICE} select 'wechat', concat('other', seq), seq, concat('P', seq), null, 'pending', ${THEN}, ${THEN}, ${THEN}, null, null from ${seq}`,
    `${EVENT} select concat('a', lpad(seq, 8, '0')), 'message.created', 's', seq, 'sent', ${THEN}, ${THEN}, ${THEN}, seq from ${seq}`,
    // A session whose first event waits for its next try.
    `${EVENT} select concat('b', lpad(seq, 8, '0')), 'message.created', 'stuck', seq, 'pending', ${THEN}, ${THEN},
      if(seq = 1, ${NEVER}, null), seq from ${seq}`,
    `${EVENT} select concat('c', lpad(seq, 8, '0')), 'message.created', 's', ${OTHERS} + seq, 'pending', ${THEN}, ${THEN}, ${THEN}, seq from ${few}`,
    `${EVENT} select 'd', 'message.created', 's2', 1, 'failed', ${THEN}, ${THEN}, ${THEN}, 7`,
    `${FILE} select concat('f', seq), 'P', 'n', 'image/png', 1, ${THEN}, null from ${seq}`,
    `${FILE} select concat('u', seq), concat('P', seq), 'n', 'image/png', 1, ${THEN}, ${NEVER} from ${seq}`,
    `${FILE} select concat('old', seq), 'P', 'n', 'image/png', 1, ${THEN}, ${THEN} from ${few}`,
    `insert into message_files (file_id, session_id, message_id) select concat('f', seq), 's', seq from ${seq}`,
    `insert into topics (id, session_id, name, status, reply, create_time, start_message_id, overdue_time)
      select concat('t', seq), concat('other', seq), 't', if(seq % 2, 0, 10), if(seq % 2, 1, 0), ${THEN}, seq, null from ${seq}`,
    'analyze table sessions, participants, devices, notices, webhook_events, files, message_files, topics',
  ];
}

eachSqlServer('The rows that a query reads of large outboxes', (kind) => {
  let database: Database;

  before(async () => {
    // One connection beside the writer's: what is counted is counted for it.
    database = openDatabase(await kind.freshUrl(), { connections: 2 });
    await migrate(database);
    for (const text of filling()) await sql.raw(text).execute(database.kysely);
  });
  after(() => database.close());

  /** What `work` gives; it fails where that read more than a few rows. */
  async function reading<T>(work: () => Promise<T>): Promise<T> {
    const { result, rows } = await rowsRead(database, work);
    rows.should.be.belowOrEqual(FEW);
    return result;
  }

  const db = () => database.kysely;
  const claim = { worker: 'w', limit: 32, claimMs: 25_000 };

  it('are few, when pushes are claimed and finished, with thousands sent before and others waiting', async () => {
    const { rows, skipped } = await reading(() => claimPushes(database, claim));
    should([rows.map(({ message_id }) => message_id), skipped]).eql([[OTHERS + WAITING], WAITING - 1]);
    const [row] = rows;
    should(await reading(() => newerWasSent(db(), row!))).be.false();
    const failed = { state: 'failed', attempts: 1, last_error: 'x' } as const;
    const finished = await reading(() =>
      finishPush(database, new Set(['notice.failed'] as const), 'w', row!, failed),
    );
    should(finished).eql({ state: 'failed', alsoFailed: 0, wechat: true });
    should((await reading(() => claimPushes(database, claim))).rows).eql([]);
  });

  it('are few, when pushes are settled, skipped or taken back', async () => {
    const acknowledged = [{ sessionId: 's2', userId: 'P', messageId: OTHERS + 1 }];
    should(await reading(() => settleNotices(db(), database.dialect, 'getui', acknowledged))).equal(1);
    const holding = <T>(id: string, work: (trx: Queryable, session: LockedSession) => Promise<T>) =>
      database.transaction(async (trx) => {
        const session = await lockSession(runIn(trx, database.dialect), database.dialect, id);
        return await work(trx, session!);
      });
    const skip = () => holding('s2', (trx, session) => skipNotices(trx, session, OTHERS + 2, 'getui'));
    const { rows: looked } = await rowsRead(database, () =>
      holding('s3', (trx, session) => revivePushes(trx, session, OTHERS + 1)),
    );
    // It looks at a hundred.
    looked.should.be.belowOrEqual(5 * FEW);
    should(await reading(skip)).equal(1);
    should((await reading(() => sentPushes(db(), 's', 5))).length).equal(1);
    const call = { id: 'call', sessionId: 's', userIds: ['P', 'D'] };
    should(await reading(() => skipCallPushes(db(), call, '2026-01-01 00:00:00.000'))).equal(0);
  });

  it('are few, when devices are looked for', async () => {
    const active = () => database.transaction((trx) => activeDevices(runIn(trx, database.dialect), ['s']));
    should([...(await reading(active))]).eql([['P', [{ clientId: 'c' }]]]);
    should(await reading(() => activeDevicesOn(db(), 'P', 'ios'))).eql(['c']);
    should((await reading(() => deviceOfToken(db(), 't')))?.client_id).equal('c');
    should((await reading(() => devicesOf(db(), 'P'))).length).equal(1);
  });

  it('are few, when notices are claimed, listed and deleted', async () => {
    const wechat = { ...claim, channel: 'wechat', limit: 10 };
    should((await reading(() => claimNotices(database, wechat))).length).equal(10);
    for (const filter of [{}, { channel: 'wechat' }, { state: 'failed' } as const])
      await reading(() => findNotices(db(), filter, 10));
    should((await reading(() => settledNoticesBefore(db(), '2025-12-31 00:00:00.000', 10))).length).equal(0);
  });

  it('are few, when events are claimed, finished and sent anew', async () => {
    const [event, ...others] = await reading(() => claimEvents(database, claim));
    should(others.length).equal(0);
    const sent = { state: 'sent', attempts: 1, last_error: null } as const;
    const finished = await reading(() => finishEvents(database, 'w', [{ event: event!, finished: sent }]));
    should([...finished]).eql([event!.id]);
    should((await reading(() => resendEvent(database, 'd'))).state).equal('pending');
    should((await reading(() => findEvents(db(), {}, 10))).length).equal(11);
    should((await reading(() => findEvents(db(), { state: 'failed' }, 10))).length).equal(0);
    should(
      (await reading(() => endedEventsBefore(db(), 'sent', '2025-12-31 00:00:00.000', 10))).length,
    ).equal(0);
  });

  it('are few, when files are swept, counted, read and taken back', async () => {
    should((await reading(() => claimUnnamed(db(), '2026-06-01 00:00:00.000', 100))).length).equal(WAITING);
    should(await reading(() => unnamedOf(db(), 'P', '2025-01-01 00:00:00.000'))).eql({
      count: WAITING,
      bytes: WAITING,
    });
    should(await reading(() => isSentTo(db(), 'f3', 'P'))).be.true();
    await reading(() =>
      database.transaction((trx) => filesOfRecalled(runIn(trx, database.dialect), database.dialect, 's', 3)),
    );
    should(await reading(() => isSentTo(db(), 'f3', 'P'))).be.false();
  });

  it('are few, when topics that wait for a reply are looked for', async () => {
    should(await reading(() => waitingSince(db(), '2026-06-01 00:00:00.000', 100))).eql([]);
  });
});

eachSqlServer('The rows that a claim reads of outboxes that the database has not counted yet', (kind) => {
  let database: Database;
  const claim = { worker: 'w', limit: 32, claimMs: 25_000 };

  before(async () => {
    database = openDatabase(await kind.freshUrl(), { connections: 2 });
    await migrate(database);
    const seq = numbers(1, OTHERS);
    const events = `${EVENT} select concat('b', lpad(seq, 8, '0')), 'message.created'`;
    for (const text of [
      `insert into sessions (id, type, name, business_type, create_date, clock_time)
        select concat('other', seq), 1, 's', 1, ${THEN}, ${THEN} from ${seq}`,
      `${events}, concat('other', seq), 1, 'pending', ${THEN}, ${THEN}, ${THEN}, seq from ${seq}`,
      `${NOTICE} select 'wechat', 's', seq, concat('P', seq), null, 'pending', ${THEN}, ${THEN}, ${THEN}, null, null from ${seq}`,
      `${NOTICE} select 'getui', 's', seq, concat('P', seq), concat('c', seq), 'pending', ${THEN}, ${THEN}, ${THEN}, null, null from ${seq}`,
      // As it may be for seconds after many rows were written: its figures are those of one session's first events.
      'alter table webhook_events stats_persistent = 1, stats_auto_recalc = 0',
      'alter table notices stats_persistent = 1, stats_auto_recalc = 0',
      'analyze table webhook_events, notices',
      `update mysql.innodb_index_stats set stat_value = 1 where database_name = database() and stat_name like 'n_diff%'
        and table_name in ('webhook_events', 'notices')`,
      'flush tables webhook_events, notices',
    ])
      await sql.raw(text).execute(database.kysely);
  });
  after(() => database.close());

  const CLAIMS: [what: string, claims: () => Promise<{ length: number }>][] = [
    ['events', () => claimEvents(database, claim)],
    ['notices', () => claimNotices(database, { ...claim, channel: 'wechat' })],
    ['pushes', async () => (await claimPushes(database, claim)).rows],
  ];
  for (const [what, claims] of CLAIMS) {
    it(`are as few as ever: ${what}`, async () => {
      const { result, rows } = await rowsRead(database, claims);
      result.length.should.equal(claim.limit);
      rows.should.be.belowOrEqual(20 * claim.limit);
    });
  }
});
