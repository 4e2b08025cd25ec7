import should from 'should';
import mysql from 'mysql2/promise';
import { eachSqlServer } from '../support/databases';
import { FakeWechat } from '../support/fake-wechat';
import { numbers } from '../support/numbers';
import { TestServer } from '../support/server';
import { terminateAll } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';
import { wechatSettings } from './notice-fixture';

const MESSAGE_TABLES = ['system_messages', 'muc_messages', 'p2p_messages', 'group_messages'] as const;
/** Tables that grow with what users do: none of them may be read from end to end. */
const GROWING = [
  ...MESSAGE_TABLES,
  'sessions',
  'participants',
  'topics',
  'notices',
  'user_states',
  'doctors',
  'patients',
];
const ROWS = 5_000;
const SESSIONS = 100;

/** The server under test has an account of its own: others' statements are in the same log. */
const ACCOUNT = `plans_${process.pid}`;

interface PlanRow {
  table: string | null;
  type: string | null;
  key: string | null;
  rows: number | null;
}

/** What a client does, and what the server asks the database for it; the plans of all of that are looked at. */
const WORK: { title: string; run: (server: TestServer) => Promise<unknown>; touches: string[] }[] = [
  {
    title: 'the newest page of a history',
    run: (server) => server.request('get', '/sessions/g7/messages?peek=1').expect(200),
    touches: ['group_messages'],
  },
  {
    title: 'a page of a history before an id',
    run: (server) => server.request('get', '/sessions/g7/messages?peek=1&before=3000').expect(200),
    touches: ['group_messages'],
  },
  {
    title: 'a page of a history after an id, marked as read',
    run: (server) => server.request('get', '/sessions/m7/messages?user_id=P7&after=100').expect(200),
    touches: ['muc_messages', 'participants'],
  },
  {
    title: 'one message',
    run: async (server) => {
      const { body } = await server.request('get', '/sessions/g7/messages?peek=1&limit=1').expect(200);
      await server.request('get', `/sessions/g7/messages/${body.items[0].id}`).expect(200);
    },
    touches: ['group_messages'],
  },
  {
    title: 'the count of unread messages of a session',
    run: (server) => server.request('get', '/sessions/g7/unread_message_count?user_id=D7').expect(200),
    touches: ['group_messages', 'participants'],
  },
  {
    title: 'the counts of unread messages of a user',
    run: (server) => server.request('get', '/sessions/unread_message_count?user_id=D7').expect(200),
    touches: [...MESSAGE_TABLES, 'participants', 'sessions'],
  },
  {
    title: 'the unread messages',
    run: (server) => server.request('get', '/sessions/g7/messages/unread?user_id=D7&limit=5').expect(200),
    touches: ['group_messages'],
  },
  {
    title: 'the badge',
    run: (server) => server.request('get', '/application/badge_no?user_id=P7').expect(200),
    touches: [...MESSAGE_TABLES],
  },
  {
    title: "a user's sessions",
    run: (server) => server.request('get', '/sessions?user_id=D7&limit=5').expect(200),
    touches: ['sessions', 'participants'],
  },
  {
    title: "a user's recent sessions",
    run: (server) => server.request('get', '/sessions/recent?user_id=D7&type=patient&days=3650').expect(200),
    touches: ['sessions', 'participants'],
  },
  {
    title: "a user's topics",
    run: (server) => server.request('get', '/sessions/topics?user_id=D7').expect(200),
    touches: ['topics'],
  },
  {
    title: "the statistics of a user's topics",
    run: (server) => server.request('get', '/sessions/topics/statistics?user_id=D7').expect(200),
    touches: ['topics', 'participants'],
  },
  {
    title: 'the notices that failed',
    run: (server) => server.request('get', '/application/notices?state=failed').expect(200),
    touches: ['notices'],
  },
  {
    title: 'a notice to a user',
    run: (server) => server.request('post', '/users/P9/notices').send({ content: 'x' }).expect(201),
    touches: ['sessions', 'participants'],
  },
  {
    title: "a topic's messages",
    run: (server) => server.request('get', '/sessions/topic/topic7/messages').expect(200),
    touches: ['topics', 'group_messages'],
  },
  {
    title: 'when a user last consulted',
    run: (server) => server.request('get', '/users/D7/consult/time').expect(200),
    touches: ['participants'],
  },
  {
    title: 'a send, its repeat and its notice',
    run: async (server) => {
      const message = { sender_id: 'D7', type: 1, content: 'x', client_msg_id: 'plan' };
      const before = await ended(server, 'sent');
      await server.request('post', '/sessions/g7/messages').send(message).expect(201);
      await server.request('post', '/sessions/g7/messages').send(message).expect(200);
      // The worker's part comes after the answer.
      await untilEnded(server, 'sent', before + 1);
    },
    touches: ['group_messages', 'sessions', 'participants', 'notices'],
  },
  {
    title: 'a socket: login, sync, ack, read, send',
    run: async (server) => {
      const before = await ended(server, 'delivered');
      const socket = await server.socket('P7', 'g7');
      const sent = await server.send('g7', 'D7', 'to a socket');
      await socket.next('message');
      should((await socket.request('sync', { after: 10 })).type).equal('sync_ok');
      socket.send('ack', { message_id: sent.id });
      const other = await server.socket('D7');
      socket.send('read', { message_id: sent.id });
      await other.next('read');
      // Acknowledgements are gathered for a while.
      await untilEnded(server, 'delivered', before + 1);
      await socket.request('message', { type: 1, content: 'y', client_msg_id: 'z' });
      await terminateAll();
    },
    touches: ['group_messages', 'sessions', 'participants', 'notices'],
  },
  {
    title: 'participants who come and go',
    run: async (server) => {
      await server.request('put', '/sessions/g7/participants/D8').send({}).expect(201);
      await server.request('delete', '/sessions/g7/participants/D8').expect(204);
    },
    touches: ['participants'],
  },
];

eachSqlServer('The plans of the queries', function (database) {
  this.timeout(60_000);
  let connection: mysql.Connection;
  let server: TestServer;
  let fake: FakeWechat;
  /** The server is not ours alone: it gets its setting back. */
  let logOutput: string;

  before(async () => {
    const url = await database.freshUrl();
    connection = await mysql.createConnection({ uri: url });
    const own = await ownAccount(connection, url);
    const [[settings]] = await connection.query<mysql.RowDataPacket[]>('select @@log_output as output');
    logOutput = settings?.output as string;
    await connection.query("set global log_output = 'TABLE'");
    fake = await FakeWechat.start();
    server = await TestServer.start({ IM_DATABASE_URL: own.href, ...wechatSettings(fake) });
    await fill();
  });

  after(async () => {
    await terminateAll();
    await connection.query('set global general_log = 0');
    await connection.query('truncate mysql.general_log');
    await connection.query('set global log_output = ?', [logOutput]);
    await server.stop();
    await connection.query(`drop user ${ACCOUNT}`);
    await connection.end();
    await fake.stop();
  });

  /** 100 sessions a message table, 50 messages each, of one doctor and one patient; a topic and a notice here and there. */
  async function fill(): Promise<void> {
    const time = (seconds: string) => `date_add('2026-01-01', interval ${seconds} second)`;
    const seq = numbers(0, SESSIONS - 1);
    const people = numbers(0, 999);
    const run = (text: string) => connection.query(text);
    for (const [table, letter] of [
      ['doctors', 'D'],
      ['patients', 'P'],
    ] as const) {
      const openid = table === 'patients' ? `concat('openid-', seq)` : 'null';
      await run(`insert into ${table} (id, name, openid)
        select concat('${letter}', seq), 'n', ${openid} from ${people}`);
      await run(`insert into user_states (user_id, type)
        select concat('${letter}', seq), '${table === 'doctors' ? 'doctor' : 'patient'}' from ${people}`);
    }
    for (const [type, table] of MESSAGE_TABLES.entries()) {
      const letter = table.charAt(0);
      await run(`insert into sessions (id, type, name, business_type, create_date, clock_time, last_message_time)
        select concat('${letter}', seq), ${type}, 's', 2, '2026-01-01', '2026-02-01', '2026-02-01' from ${seq}`);
      for (const [user, kind] of [
        ['D', 'doctor'],
        ['P', 'patient'],
      ] as const) {
        await run(`insert into participants (session_id, participant_id, type, last_fetch_time)
          select concat('${letter}', seq), concat('${user}', seq), '${kind}', ${time('3000')} from ${seq}`);
      }
      await run(`insert into ${table} (session_id, sender_id, sender_name, type, content, timestamp, client_key)
        select concat('${letter}', seq % ${SESSIONS}), concat(if(seq % 2, 'D', 'P'), seq % ${SESSIONS}), 'n', 1, '"x"',
          ${time('seq')}, concat('${letter}', seq) from ${numbers(0, ROWS - 1)} order by seq`);
      await run(`update sessions set last_message_id =
        (select max(id) from ${table} where session_id = sessions.id) where type = ${type}`);
    }
    await run(`insert into topics (id, session_id, name, status, create_time, start_message_id, open_session_id)
      select concat('topic', seq), concat('g', seq), 't', 0, ${time('seq')}, seq + 1, concat('g', seq) from ${seq}`);
    await run(`insert into notices (channel, session_id, message_id, user_id, state, create_time, update_time, due_time)
      select 'wechat', concat('g', seq % ${SESSIONS}), seq, concat('P', seq % ${SESSIONS}),
        if(seq % 50, 'sent', 'pending'), '2026-01-01', '2026-01-01', '2096-01-01' from ${numbers(1, ROWS)}`);
    await run(`analyze table ${GROWING.join(', ')}`);
  }

  /** Every statement that the server sends while `run` runs, each shape once. */
  async function statementsOf(run: () => Promise<unknown>): Promise<string[]> {
    await connection.query('truncate mysql.general_log');
    await connection.query('set global general_log = 1');
    try {
      await run();
    } finally {
      await connection.query('set global general_log = 0');
    }
    const [rows] = await connection.query<mysql.RowDataPacket[]>(
      `select convert(argument using utf8mb4) as text from mysql.general_log
        where command_type in ('Query', 'Execute') and user_host like '${ACCOUNT}[%'`,
    );
    const shapes = new Map<string, string>();
    // The writer's statements go several in a packet, which is one line of the log.
    for (const text of rows.flatMap((row) => (row as { text: string }).text.split(/;\s*\n/))) {
      if (!/^(select|update|delete)\b/i.test(text) || /^select 1$/i.test(text)) continue;
      if (/mysql\.general_log|information_schema/.test(text)) continue;
      shapes.set(text.replace(/'[^']*'|\b\d+\b/g, '?'), text);
    }
    return [...shapes.values()];
  }

  for (const { title, run, touches } of WORK) {
    it(`read no table from end to end: ${title}`, async () => {
      const statements = await statementsOf(() => run(server));
      const touched = new Set<string>();
      for (const statement of statements) {
        const [rows] = await connection.query<mysql.RowDataPacket[]>(
          `explain format = traditional ${statement}`,
        );
        const plan = rows as unknown as PlanRow[];
        for (const { table, type, key } of plan) {
          const named = GROWING.find((each) => nameIn(statement, table) === each);
          if (named === undefined) continue;
          touched.add(named);
          const story = `${statement}\n${JSON.stringify(plan)}`;
          if (type === 'ALL' || type === 'index')
            throw new Error(`a whole table is read (key ${key}): ${story}`);
        }
      }
      for (const table of touches) {
        if (!touched.has(table)) throw new Error(`${table} was not touched by ${statements.join('\n')}`);
      }
    });
  }
});

/** How many notices have ended so; the server's own count, as the database's statements are looked at. */
async function ended(server: TestServer, state: string): Promise<number> {
  const { values } = await server.context.metrics.notices.get();
  return values.filter(({ labels }) => labels.state === state).reduce((sum, { value }) => sum + value, 0);
}

async function untilEnded(server: TestServer, state: string, count: number): Promise<void> {
  await waitUntil(
    async () => (await ended(server, state)) >= count,
    20_000,
    () => `no notice is ${state}`,
  );
}

async function ownAccount(connection: mysql.Connection, url: string): Promise<URL> {
  const own = new URL(url);
  own.username = ACCOUNT;
  own.password = 'plans';
  await connection.query(`create user ${ACCOUNT} identified by 'plans'`);
  await connection.query(`grant all on \`${own.pathname.slice(1)}\`.* to ${ACCOUNT}`);
  return own;
}

/** The table that a plan's row speaks of by its alias. */
function nameIn(statement: string, alias: string | null): string | undefined {
  if (alias === null) return undefined;
  if (GROWING.includes(alias)) return alias;
  return new RegExp(`\`?(\\w+)\`? as \`?${alias}\`?\\b`).exec(statement)?.[1];
}
