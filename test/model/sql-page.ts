import { readFileSync } from 'node:fs';
import path from 'node:path';
import { toIso } from '../../src/db/time';
import { type TestServer } from '../support/server';

export type Row = Record<string, unknown>;

const ROOT = path.resolve(__dirname, '../..');
/** The ids that the page uses. */
export const SESSION = '4d5be29f8ba0413d8658441902b958ff_c7a121954a3a4fae84852fd5668b590d_2';
export const DOCTOR = 'D2016008240003';
export const OPEN_TOPIC = 'consult-open';

/** Statements by their headings' numbers, as an operator copies them, and the one that goes before. */
export function readPage(): { statements: Map<number, string>; preparation: string } {
  const page = readFileSync(path.join(ROOT, 'doc/sql.md'), 'utf8');
  const statements = new Map<number, string>();
  for (const [, number, text] of page.matchAll(/^### (\d+)\. [^\n]+\n\n```sql\n([^]*?)```/gm)) {
    statements.set(Number(number), text!);
  }
  return { statements, preparation: /```sql\s+(set session [^;]+;)/.exec(page)?.[1] ?? '' };
}

export const byId = (rows: readonly Row[]) =>
  [...rows].sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1));
export const time = (value: unknown) => (value === null ? null : toIso(value as string));
const parsed = (text: unknown) => (text === null ? null : (JSON.parse(text as string) as unknown));

export const wireMessage = (row: Row) => ({
  id: row.id,
  session_id: row.session_id,
  sender_id: row.sender_id,
  sender_name: row.sender_name,
  type: row.type,
  content: parsed(row.content),
  timestamp: time(row.timestamp),
  client_msg_id: row.client_msg_id,
  // None of them quotes, and none was taken back.
  reply_to: null,
  recalled: null,
});
export const wireMessages = (rows: readonly Row[]) =>
  rows.map(wireMessage).sort((a, b) => Number(a.id) - Number(b.id));

export const wireTopic = ({ open_session_id: _open, overdue_time: _overdue, ...row }: Row) => ({
  ...row,
  create_time: time(row.create_time),
  reply_time: time(row.reply_time),
  end_time: time(row.end_time),
});

export const wireSession = (row: Row) => ({
  id: row.id,
  type: row.type,
  name: row.name,
  business_type: row.business_type,
  status: row.status,
  create_date: time(row.create_date),
  last_sender_id: row.last_sender_id,
  last_sender_name: row.last_sender_name,
  last_content_type: row.last_content_type,
  last_content: parsed(row.last_content),
  last_message_time: time(row.last_message_time),
});

/** Sessions of every type with topics and messages, and something unread for the doctor. */
export async function fill(server: TestServer): Promise<void> {
  await server.users('P1', 'P2', DOCTOR, 'D2', 'd2');
  await server.session(SESSION, 1, 'P1', DOCTOR, 'D2', 'd2');
  await server.session('other-muc', 1, 'P2', DOCTOR);
  await server.session('doctors-muc', 1, DOCTOR, 'D2');
  await server.session('p2p', 2, 'P2', DOCTOR);
  await server.session('group', 3, DOCTOR, 'D2');
  await server.session('system', 0, DOCTOR, 'P1');
  await server.session('without-him', 1, 'P2', 'D2');
  for (const session of ['other-muc', 'doctors-muc', 'p2p', 'group', 'without-him']) {
    const sender = session.includes('him') ? 'D2' : DOCTOR;
    await server.send(session, sender, `"在${session}"\\`);
    await server.send(session, sender === 'D2' ? 'P2' : sender, '👌');
  }
  await server
    .request('post', '/sessions/system/messages')
    .send({ type: 0, content: { notice: '通知' } })
    .expect(201);

  const start = (topic: string, session: string, user: string) =>
    server
      .request('post', `/sessions/${topic}/topics`)
      .send({ session_id: session, user_id: user, name: `议题${topic}`, type: 3 })
      .expect(201);
  const end = (topic: string, session: string) =>
    server
      .request('put', `/sessions/${session}/topics/${topic}/ended`)
      .send({ user_id: DOCTOR, message: '结束语' })
      .expect(200);
  await server.send(SESSION, 'P1', 'before any topic');
  await start('consult-1', SESSION, 'P1');
  await server.send(SESSION, 'P1', '头疼');
  await end('consult-1', SESSION);
  await server.send(SESSION, 'D2', 'between the topics');
  await start('consult-2', SESSION, 'P1');
  await start('consult-group', 'group', 'D2');
  await server.send(SESSION, DOCTOR, '请说');
  await end('consult-2', SESSION);
  await start('consult-doctors', 'doctors-muc', 'D2');
  await start('consult-other', 'other-muc', 'P2');
  await server.send('other-muc', DOCTOR, '答复');
  await start(OPEN_TOPIC, SESSION, 'P1');
  // All read; then others' are unread, and one's own among them.
  await server.request('get', `/sessions/${SESSION}/messages?user_id=${DOCTOR}`).expect(200);
  await server.send(SESSION, 'P1', 'unread 1');
  await server.send(SESSION, DOCTOR, "one's own, meanwhile");
  await server.send(SESSION, 'd2', 'unread 2');
}
