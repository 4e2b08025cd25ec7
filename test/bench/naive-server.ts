import { createServer } from 'node:http';
import type BetterSqlite from 'better-sqlite3';
import express from 'express';
import mysql, { type ResultSetHeader } from 'mysql2/promise';
import { WebSocket, WebSocketServer } from 'ws';

/**
 * The yardstick: the server that anyone would write on the same parts. Express with express.json(), an INSERT and an
 * UPDATE in a transaction a message, ws.send to the sockets of the session. It knows no users, checks nothing, stores a
 * message that is sent again twice, and promises no order. NAIVE_DATABASE_URL and NAIVE_PORT say where.
 */

interface Message {
  id: number;
  session_id: string;
  sender_id: string;
  type: number;
  content: string;
  timestamp: string;
}

type Store = (message: Omit<Message, 'id'>) => Promise<number>;

const INSERT =
  'insert into messages (session_id, sender_id, type, content, timestamp) values (?, ?, ?, ?, ?)';
const UPDATE =
  'update sessions set last_message_id = ?, last_sender_id = ?, last_content = ?, last_message_time = ? where id = ?';

function tables(id: string, time: string): string[] {
  return [
    `create table sessions (id varchar(128) not null primary key, name varchar(100) not null,
      last_message_id bigint, last_sender_id varchar(128), last_content text, last_message_time ${time})`,
    `create table messages (id ${id}, session_id varchar(128) not null, sender_id varchar(128) not null,
      type smallint not null, content text not null, timestamp ${time} not null)`,
    'create index messages_history on messages (session_id, id)',
  ];
}

async function mysqlStore(url: string): Promise<Store> {
  const pool = mysql.createPool({ uri: url, dateStrings: true });
  for (const table of tables('bigint not null auto_increment primary key', 'datetime(3)'))
    await pool.query(table);
  return async ({ content, sender_id, session_id, timestamp, type }) => {
    const connection = await pool.getConnection();
    try {
      await connection.beginTransaction();
      const [result] = await connection.execute<ResultSetHeader>(INSERT, [
        session_id,
        sender_id,
        type,
        content,
        timestamp,
      ]);
      await connection.execute(UPDATE, [result.insertId, sender_id, content, timestamp, session_id]);
      await connection.commit();
      return result.insertId;
    } catch (error) {
      await connection.rollback();
      throw error;
    } finally {
      connection.release();
    }
  };
}

function sqliteStore(file: string): Store {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- an optional dependency
  const Driver = require('better-sqlite3') as typeof BetterSqlite;
  const database = new Driver(file, { timeout: 10_000 });
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  for (const table of tables('integer primary key autoincrement', 'text')) database.exec(table);
  const insert = database.prepare(INSERT);
  const update = database.prepare(UPDATE);
  const store = database.transaction((message: Omit<Message, 'id'>) => {
    const { content, sender_id, session_id, timestamp, type } = message;
    const id = Number(insert.run(session_id, sender_id, type, content, timestamp).lastInsertRowid);
    update.run(id, sender_id, content, timestamp, session_id);
    return id;
  });
  return (message) => Promise.resolve(store(message));
}

async function main(): Promise<void> {
  const url = process.env.NAIVE_DATABASE_URL ?? '';
  const store = url.startsWith('sqlite:') ? sqliteStore(url.slice('sqlite:'.length)) : await mysqlStore(url);
  const sockets = new Map<string, Set<WebSocket>>();

  async function send(
    session: string,
    { sender_id, type, content }: { sender_id: string; type: number; content: string },
    from?: WebSocket,
  ): Promise<Message> {
    const now = new Date().toISOString();
    const row = {
      session_id: session,
      sender_id,
      type,
      content,
      timestamp: now.slice(0, -1).replace('T', ' '),
    };
    const message = { ...row, id: await store(row), timestamp: now };
    const push = JSON.stringify({ type: 'message', data: { message } });
    for (const socket of sockets.get(session) ?? []) {
      if (socket !== from && socket.readyState === WebSocket.OPEN) socket.send(push);
    }
    return message;
  }

  const app = express();
  app.use(express.json());
  app.post('/api/v2/sessions/:id/messages', async (request, response) => {
    const { id, ...rest } = await send(request.params.id, request.body as Message);
    response.status(201).json({ id, ...rest });
  });

  const server = createServer(app);
  new WebSocketServer({ server, path: '/ws' }).on('connection', (socket) => {
    let session = '';
    let user = '';
    socket.on('message', (bytes: Buffer) => {
      const frame = JSON.parse(bytes.toString()) as {
        type: string;
        data: Record<string, string>;
        ref?: string;
      };
      if (frame.type === 'login') {
        session = frame.data.session_id ?? '';
        user = frame.data.user_id ?? '';
        const others = sockets.get(session);
        if (others === undefined) sockets.set(session, new Set([socket]));
        else others.add(socket);
        socket.send(JSON.stringify({ type: 'login_ok', data: {} }));
      } else if (frame.type === 'message') {
        const { content = '', session_id: target = session } = frame.data;
        void send(target, { sender_id: user, type: Number(frame.data.type), content }, socket).then(
          (message) => socket.send(JSON.stringify({ type: 'message_ok', data: { message }, ref: frame.ref })),
        );
      }
    });
    socket.on('close', () => sockets.get(session)?.delete(socket));
  });
  server.listen(Number(process.env.NAIVE_PORT), '127.0.0.1');
  process.on('SIGTERM', () => process.exit(0));
}

void main();
