import { sql } from 'kysely';
import should from 'should';
import { type Database, openDatabase } from '../../src/db/database';
import { migrate } from '../../src/db/migrate';
import { type MessageTableName } from '../../src/db/schema';
import { eachDatabase } from '../support/databases';

const STEP = '0002-first-reply';
const TIME = '2026-11-22 08:00:00.000';

/** The nth minute. */
const at = (minute: number) => `2026-11-22 08:${String(minute).padStart(2, '0')}:00.123`;

/** One message a minute: [sender, type]; topics name the minutes of their start and end. */
type Said = readonly [sender: string, type: number];
const SESSIONS: Record<
  string,
  {
    table: MessageTableName;
    type: number;
    said: readonly Said[];
    topics: Record<string, { start: number; end?: number; reply: 0 | 1; answered: number | null }>;
  }
> = {
  consultation: {
    table: 'muc_messages',
    type: 1,
    said: [
      ['D1', 1],
      ['P1', 6],
      ['P1', 1],
      ['D1', 0],
      ['D1', 10],
      ['system', 0],
      ['D1', 2],
      ['D1', 1],
      ['D1', 7],
      ['D1', 1],
      ['P1', 6],
      ['P1', 1],
      ['P1', 7],
      ['P1', 6],
      ['D1', 7],
      ['P1', 6],
      ['P1', 1],
      ['D1', 14],
    ],
    topics: {
      'answered by a picture': { start: 1, end: 8, reply: 1, answered: 6 },
      'answered by hand': { start: 10, end: 12, reply: 1, answered: null },
      'not answered': { start: 13, end: 14, reply: 0, answered: null },
      'open, answered by a call': { start: 15, reply: 1, answered: 17 },
    },
  },
  two: {
    table: 'p2p_messages',
    type: 2,
    said: [
      ['P1', 6],
      ['P1', 1],
      ['D1', 8],
    ],
    topics: { 'of two': { start: 0, reply: 1, answered: 2 } },
  },
  team: {
    table: 'group_messages',
    type: 3,
    said: [
      ['D1', 6],
      ['D1', 1],
    ],
    topics: { 'of a team': { start: 0, reply: 1, answered: 1 } },
  },
  left: {
    table: 'muc_messages',
    type: 1,
    said: [
      ['P1', 6],
      ['left-patient', 1],
      ['left-doctor', 1],
      ['D1', 1],
    ],
    topics: { 'answered by one who left': { start: 0, reply: 1, answered: 2 } },
  },
  unknown: {
    table: 'muc_messages',
    type: 1,
    said: [
      ['P1', 6],
      ['nobody', 1],
      ['D9', 1],
      ['D1', 1],
    ],
    topics: { 'answered by one who never logged in': { start: 0, reply: 1, answered: 2 } },
  },
  none: { table: 'system_messages', type: 0, said: [['system', 0]], topics: {} },
};

/** A database of the version before, with all of it. @returns when each topic was answered */
async function fillOld(database: Database): Promise<Record<string, string | null>> {
  const { kysely: db } = database;
  await migrate(database);
  await sql`alter table topics drop column reply_time`.execute(db);
  await forget(database);
  await db
    .insertInto('doctors')
    .values(['D1', 'D9'].map((id) => ({ id, name: id })))
    .execute();
  await db
    .insertInto('user_states')
    .values([
      { user_id: 'left-doctor', type: 'doctor' },
      { user_id: 'left-patient', type: 'patient' },
    ])
    .execute();
  const answered: Record<string, string | null> = {};
  for (const [id, { said, table, topics, type }] of Object.entries(SESSIONS)) {
    await db
      .insertInto('sessions')
      .values({ id, type, name: id, business_type: 2, create_date: TIME, clock_time: TIME })
      .execute();
    await db
      .insertInto('participants')
      .values([
        { session_id: id, participant_id: 'D1', type: 'doctor', last_fetch_time: TIME },
        { session_id: id, participant_id: 'P1', type: 'patient', last_fetch_time: TIME },
      ])
      .execute();
    const ids: number[] = [];
    for (const [minute, [sender, messageType]] of said.entries()) {
      const result = await db
        .insertInto(table)
        .values({
          session_id: id,
          sender_id: sender,
          sender_name: sender,
          type: messageType,
          content: '""',
          timestamp: at(minute),
          client_msg_id: null,
          client_key: null,
        })
        .executeTakeFirstOrThrow();
      ids.push(Number(result.insertId));
    }
    for (const [topic, { answered: minute, end, reply, start }] of Object.entries(topics)) {
      await sql`insert into topics (id, session_id, name, status, reply, create_time, start_message_id, end_message_id)
        values (${topic}, ${id}, 't', ${end === undefined ? 0 : 10}, ${reply}, ${at(start)}, ${ids[start]},
          ${end === undefined ? null : ids[end]})`.execute(db);
      answered[topic] = minute === null ? null : at(minute);
    }
  }
  return answered;
}

/** The step, and those behind it, which run again, too. */
async function forget({ kysely }: Database): Promise<void> {
  await sql`delete from kysely_migration where name >= ${STEP}`.execute(kysely);
}

async function replyTimes({ kysely }: Database): Promise<Record<string, string | null>> {
  const rows = await kysely.selectFrom('topics').select(['id', 'reply_time']).execute();
  return Object.fromEntries(rows.map(({ id, reply_time: time }) => [id, time]));
}

eachDatabase('The first replies of topics that were there before', (server) => {
  let database: Database;
  let answered: Record<string, string | null>;
  beforeEach(async () => {
    database = openDatabase(await server.emptyUrl());
    answered = await fillOld(database);
  });
  afterEach(() => database.close());

  it('are found among their messages', async () => {
    should(await migrate(database)).containEql(STEP);
    should(await replyTimes(database)).eql(answered);
    should(Object.values(answered).filter((time) => time !== null).length).equal(6);
  });

  it('stay as they are when the step was cut off and runs again', async () => {
    await migrate(database);
    const known = '2026-11-22 09:00:00.000';
    await database.kysely
      .updateTable('topics')
      .set({ reply_time: null })
      .where('id', 'in', ['of two', 'of a team'])
      .execute();
    await database.kysely
      .updateTable('topics')
      .set({ reply_time: known })
      .where('id', '=', 'answered by a picture')
      .execute();
    await forget(database);
    await migrate(database);
    should(await replyTimes(database)).eql({ ...answered, 'answered by a picture': known });
  });

  it('are found for more topics than one UPDATE takes', async () => {
    const { kysely: db } = database;
    const [start] = await db.selectFrom('p2p_messages').select('id').orderBy('id').execute();
    for (let made = 0; made < 1_001; made += 77) {
      const rows = Array.from(
        { length: Math.min(77, 1_001 - made) },
        (_, index) => sql`(${`many-${made + index}`}, 'two', 't', 1, ${at(0)}, ${start!.id})`,
      );
      await sql`insert into topics (id, session_id, name, reply, create_time, start_message_id)
        values ${sql.join(rows)}`.execute(db);
    }
    await migrate(database);
    const times = await replyTimes(database);
    const many = Object.entries(times).filter(([id]) => id.startsWith('many-'));
    should(many.length).equal(1_001);
    should(many.every(([, time]) => time === at(2))).be.true();
  });
});
