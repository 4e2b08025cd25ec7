import mysql from 'mysql2/promise';
import should from 'should';
import { makePlatformViews } from '../../src/model/platform/platform-views';
import { eachDatabase } from '../support/databases';
import { TestServer } from '../support/server';
import { platformSchema, rowsOf, run, SHIPPED } from './platform-schema';
import {
  byId,
  DOCTOR,
  fill,
  OPEN_TOPIC,
  readPage,
  type Row,
  SESSION,
  time,
  wireMessage,
  wireMessages,
  wireSession,
  wireTopic,
} from './sql-page';

const { preparation, statements } = readPage();

eachDatabase("The page's statements", (kind) => {
  let server: TestServer;
  /** Runs one as an operator's client does. */
  let query: (statement: string) => Promise<Row[]>;
  let close: () => Promise<void>;

  before(async () => {
    const url = await kind.freshUrl();
    server = await TestServer.start({ IM_DATABASE_URL: url });
    if (kind.name === 'sqlite') {
      query = (statement) => rowsOf(server.context.database, statement);
      close = () => Promise.resolve();
    } else {
      // Neither our collation nor our modes: what a client has that is set up by nobody.
      const client = await mysql.createConnection({
        uri: url,
        dateStrings: true,
        charset: 'utf8mb4_general_ci',
      });
      query = async (statement) => (await client.query(statement))[0] as Row[];
      close = () => client.end();
    }
    await fill(server);
  });
  after(async () => {
    await close();
    await server.stop();
  });

  const get = async (route: string) => (await server.request('get', route).expect(200)).body as Row;
  const items = async (route: string) => (await get(route)).items as Row[];
  const run1 = (number: number) => query(statements.get(number)!);

  /** The API's messages of all sessions of a type. */
  async function messagesOfType(type: number): Promise<Row[]> {
    const sessions = (await run1(1)).filter((row) => row.type === type);
    const lists = await Promise.all(
      sessions.map((row) => items(`/sessions/${String(row.id)}/messages?peek=1&limit=200`)),
    );
    return lists.flat().sort((a, b) => Number(a.id) - Number(b.id));
  }

  const topicMessages = async (topic: string) =>
    items(`/sessions/${SESSION}/topics/${topic}/messages?limit=200`);

  /** For a statement that returns profiles: each as the API tells it, with the session in which it was found. */
  async function profiles(type: string, sessions: readonly string[]) {
    const found: unknown[] = [];
    for (const session of sessions) {
      for (const participant of await items(`/sessions/${session}/participants`)) {
        if (participant.type !== type) continue;
        const { type: _type, ...user } = await get(`/users/${String(participant.id)}`);
        found.push({ session, ...user });
      }
    }
    return byKey(found as Row[]);
  }
  const byKey = (rows: readonly Row[]) =>
    [...rows].sort((a, b) =>
      `${String(a.session)} ${String(a.id)}` < `${String(b.session)} ${String(b.id)}` ? -1 : 1,
    );

  /** The rows of statements 8 and 9. Both tables call a column `id`; the profile's is the last, and the same as this. */
  const profileRows = (rows: readonly Row[], sessionOf: (row: Row) => string) =>
    byKey(
      rows.map(({ participant_id: participant, ...row }) => {
        should(row.id).equal(participant);
        return { session: sessionOf({ ...row, participant_id: participant }), ...row };
      }),
    );

  /** What each statement must come to. */
  const comparisons: Record<number, () => Promise<void>> = {
    1: async () => {
      const rows = await run1(1);
      should(rows.length).equal(7);
      for (const row of rows) {
        const { participants: _participants, ...session } = await get(`/sessions/${String(row.id)}/session`);
        should(wireSession(row)).eql(session);
      }
    },
    2: async () => {
      const rows = (await run1(2)).map((row) => ({
        id: row.participant_id,
        type: row.type,
        role: row.role,
        last_fetch_time: time(row.last_fetch_time),
      }));
      const expected = await items(`/sessions/${SESSION}/participants`);
      should(rows.length).equal(4);
      should(byId(rows)).eql(byId(expected.map(({ avatar: _avatar, name: _name, ...rest }) => rest)));
    },
    3: async () => {
      should(wireMessages(await run1(3))).eql(await messagesOfType(1));
    },
    4: async () => {
      should(wireMessages(await run1(4))).eql(await messagesOfType(2));
    },
    5: async () => {
      should(wireMessages(await run1(5))).eql(await messagesOfType(3));
    },
    6: async () => {
      should(wireMessages(await run1(6))).eql(await messagesOfType(0));
    },
    7: async () => {
      const topics = await items('/sessions/topics?limit=200');
      should(topics.length).equal(6);
      should(byId((await run1(7)).map(wireTopic))).eql(byId(topics));
    },
    8: async () => {
      const rows = profileRows(await run1(8), () => SESSION);
      should(rows.map(({ id }) => id)).eql(['D2', DOCTOR, 'd2']);
      should(rows).eql(await profiles('doctor', [SESSION]));
    },
    9: async () => {
      const sessions = (await run1(1)).map(({ id }) => String(id));
      const expected = await profiles('patient', sessions);
      should(expected.length).equal(5);
      // The result has two columns `id`; a client that names them keeps the profile's, so the sessions are asked for apart.
      const named = await query(statements.get(9)!.replace('s.id,', 's.id as session_id,'));
      should(
        profileRows(named, (row) => String(row.session_id)).map(({ session_id: _id, ...row }) => row),
      ).eql(expected);
      should((await run1(9)).length).equal(expected.length);
    },
    10: async () => {
      const sessions = await items(`/sessions?user_id=${DOCTOR}&type=1&business_type=2`);
      const lists = sessions.map(({ id }) => items(`/sessions/topics?session_id=${String(id)}&limit=200`));
      const expected = (await Promise.all(lists)).flat();
      should(expected.length).equal(4);
      should(byId((await run1(10)).map(wireTopic))).eql(byId(expected));
    },
    11: async () => {
      const rows = wireMessages(await run1(11));
      should(rows.map(({ content }) => content)).eql(['unread 1', "one's own, meanwhile", 'unread 2']);
      const others = rows.filter(({ sender_id: sender }) => sender !== DOCTOR);
      should(others).eql(await items(`/sessions/${SESSION}/messages/unread?user_id=${DOCTOR}`));
      const { count } = await get(`/sessions/${SESSION}/unread_message_count?user_id=${DOCTOR}`);
      should(others.length).equal(count);
    },
    12: async () => {
      const rows = await run1(12);
      const sessions = await items(`/sessions?user_id=${DOCTOR}`);
      should(sessions.length).equal(6);
      const wire = sessions.map(({ sticky: _sticky, unread_count: _unread, ...session }) => session);
      should(byId(rows.map(wireSession))).eql(byId(wire));
      for (const row of rows) {
        const members = (await items(`/sessions/${String(row.id)}/participants`)).map(({ id }) => id);
        should(String(row.会话的成员集合).split(',').sort()).eql(members);
      }
    },
    13: async () => {
      const expected = [...(await topicMessages('consult-1')), ...(await topicMessages('consult-2'))];
      should(expected.map(({ type }) => type)).eql([6, 1, 7, 6, 1, 7]);
      should(wireMessages(await run1(13))).eql(expected);
    },
    14: async () => {
      const expected = await topicMessages(OPEN_TOPIC);
      should(expected.length).equal(4);
      should((await run1(14)).map(wireMessage)).eql(expected);
    },
    15: async () => {
      const counts = await get(`/sessions/topics/count/reply?user_id=${DOCTOR}`);
      const rows = await run1(15);
      const number = (status: number, reply: number) =>
        Number(rows.find((row) => row.status === status && row.reply === reply)?.number ?? 0);
      should({
        new: number(0, 0),
        replied: number(0, 1),
        ended_unreplied: number(10, 0),
        ended_replied: number(10, 1),
        unreplied: number(0, 0),
      }).eql(counts);
      should(counts).eql({ new: 2, replied: 2, ended_unreplied: 1, ended_replied: 1, unreplied: 2 });
    },
    16: async () => {
      const { sessions } = await get(`/sessions/unread_message_count?user_id=${DOCTOR}`);
      const types = new Map((await run1(1)).map((row) => [row.id, row.type]));
      const expected = (sessions as Row[]).filter((each) => types.get(each.session_id) === 1);
      const rows = (await run1(16)).map((row) => ({ session_id: row.session_id, count: Number(row.number) }));
      const bySession = (all: Row[]) =>
        [...all].sort((a, b) => (String(a.session_id) < String(b.session_id) ? -1 : 1));
      should(rows.length).be.above(1);
      should(bySession(rows)).eql(bySession(expected));
    },
  };
  /** `report-jobs.test.ts` compares those for the platform's nightly jobs. */
  const WITH_VIEWS = [17, 18, 19, 20, 21];

  it('are all compared with the API', () => {
    should([...statements.keys()]).eql([...Object.keys(comparisons).map(Number), ...WITH_VIEWS]);
  });

  for (const [number, compare] of Object.entries(comparisons)) {
    it(`${number} answers what the API answers`, compare);
  }

  if (kind.name === 'sqlite') return;

  it("12 is cut with MySQL's group_concat_max_len, and whole after the page's statement", async () => {
    const { database } = server.context;
    const ids = Array.from({ length: 40 }, (_, index) => `${'m'.repeat(30)}-${index}`);
    for (const id of ids) {
      await run(
        database,
        `insert into participants (session_id, participant_id, type, last_fetch_time) values ('group', '${id}', 'doctor', now(3))`,
      );
    }
    const members = async () =>
      String((await run1(12)).find(({ id }) => id === 'group')?.会话的成员集合).split(',').length;
    await query('set session group_concat_max_len = 1024');
    should(await members()).be.below(ids.length);
    await query(preparation);
    should(await members()).equal(ids.length + 2);
    await run(database, `delete from participants where participant_id like 'mmm%'`);
  });

  describe("with the platform's views", () => {
    before(async () => {
      const { database } = server.context;
      const schema = await platformSchema(database);
      const columns = '(code, name, openid)';
      const copy = 'select id, name, openid from';
      await run(
        database,
        `insert into \`${schema}\`.wlyy_doctor ${columns} ${copy} doctors`,
        `insert into \`${schema}\`.wlyy_patient ${columns} ${copy} patients`,
        `insert into \`${schema}\`.wlyy_consult (code, patient, title, symptoms) values ('consult-1', 'P1', '标题', '症状')`,
        `insert into \`${schema}\`.wlyy_consult_team (consult, admin_team_code, doctor) values ('consult-1', 42, '${DOCTOR}')`,
      );
      await makePlatformViews(database, { schema, definitions: SHIPPED, keep: true });
    });

    for (const [number, compare] of Object.entries(comparisons)) {
      it(`${number} answers what the API answers`, compare);
    }

    it('17 joins topics with consultations', async () => {
      const topic = await get('/sessions/topics/consult-1');
      should(await run1(17)).eql([
        {
          id: topic.id,
          name: topic.name,
          status: topic.status,
          reply: topic.reply,
          title: '标题',
          symptoms: '症状',
          admin_team_code: 42,
          doctor: DOCTOR,
          doctor_name: (await get(`/users/${DOCTOR}`)).name,
        },
      ]);
    });
  });
});
