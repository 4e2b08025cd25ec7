import should from 'should';
import { sql } from 'kysely';
import { exportSession } from '../../src/commands/maintenance/export-session';
import { Retention } from '../../src/commands/maintenance/retention';
import { openDatabase } from '../../src/db/database';
import { toSqlTime } from '../../src/db/time';
import { NO_EVENTS } from '../../src/model/written-events';
import { finishNotice } from '../../src/model/notices';
import { ChildServer } from '../support/child-server';
import { eachDatabase } from '../support/databases';
import { APP_KEY, TestServer } from '../support/server';
import { makeDue, noticesOf, noticeWhen, withNotices } from './notice-fixture';
import { past } from './retention-fixture';

const SECRET = '发错人的秘密';
const COPIED = '转发的秘密';

eachDatabase(
  'What was taken back',
  (database) => {
    it('is in one table and in forwarded copies, and in no answer and no log', async function () {
      this.timeout(60_000);
      const url = await database.freshUrl();
      const server = await ChildServer.start({ IM_DATABASE_URL: url, IM_LOG_LEVEL: 'debug' });
      const answers: string[] = [];
      const ask = async (method: string, path: string, body?: unknown) => {
        const response = await fetch(`${server.url}/api/v2${path}`, {
          method,
          headers: { 'Content-Type': 'application/json', 'X-IM-App-Key': APP_KEY },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const text = await response.text();
        answers.push(text);
        should(response.status).be.below(300, text);
        return JSON.parse(text) as { id: number };
      };
      for (const [id, type] of [
        ['D', 'doctor'],
        ['P', 'patient'],
      ])
        await ask('PUT', `/users/${id}`, { type, name: id });
      const people = [{ id: 'D' }, { id: 'P' }];
      await ask('POST', '/sessions', { id: 's', type: 1, name: 's', participants: people });
      await ask('POST', '/sessions/t/topics', { session_id: 's', user_id: 'P', name: '血压' });
      const send = (content: unknown, more: object = {}) =>
        ask('POST', '/sessions/s/messages', { sender_id: 'D', type: 1, content, ...more });
      const copied = await send(COPIED);
      await send({ session_id: 's', message_id: copied.id }, { type: 8 });
      const secret = await send(SECRET, { client_msg_id: 'c' });
      await send('引用', { reply_to: secret.id });
      await send('再引用', { reply_to: copied.id });
      for (const id of [copied.id, secret.id]) await ask('DELETE', `/sessions/s/messages/${id}`);

      answers.length = 0;
      await send(SECRET, { client_msg_id: 'c' });
      for (const path of [
        '/sessions/s/messages?peek=1',
        '/sessions/s/messages/unread?user_id=P',
        `/sessions/s/messages/${secret.id}`,
        '/sessions/s/recalls',
        `/sessions/s/messages/search?q=${encodeURIComponent('秘密')}`,
        '/sessions/topic/t/messages',
        '/sessions?user_id=P',
        '/sessions/recent?user_id=P',
        '/sessions/s/session',
      ])
        await ask('GET', path);
      should(answers.filter((text) => text.includes(SECRET))).eql([]);
      // The copy is a message of its own.
      const others = answers.map((text) => text.replaceAll(/"message":\{"id":.*?\}/g, ''));
      should(others.filter((text) => text.includes(COPIED))).eql([]);
      await server.end();
      should(`${server.stdout}${server.stderr}`).not.match(/秘密/);

      const opened = openDatabase(url);
      try {
        const holding: string[] = [];
        for (const { name } of await opened.kysely.introspection.getTables()) {
          const { rows } = await sql`select * from ${sql.table(name)}`.execute(opened.kysely);
          for (const row of rows) {
            if (JSON.stringify(row).includes(SECRET)) holding.push(`${name}: secret`);
            if (JSON.stringify(row).includes(COPIED)) holding.push(`${name}: copied`);
          }
        }
        should(holding.sort()).eql([
          'muc_messages: copied',
          'recalled_messages: copied',
          'recalled_messages: secret',
        ]);
        const exported: string[] = [];
        for await (const text of (await exportSession(opened, 's'))!) exported.push(text);
        const messages = exported
          .join('')
          .split('\n')
          .filter((line) => line.includes('"kind":"message"'))
          .map((line) => (JSON.parse(line) as { message: Record<string, unknown> }).message);
        const shown = messages.find(({ id }) => id === secret.id)!;
        should(shown).containDeep({ content: SECRET, recalled: { by: 'system' } });
      } finally {
        await opened.close();
      }
    });
  },
  { sqlite: 'file' },
);

eachDatabase('Retention', (database) => {
  it('deletes recalls with their messages, uses none of their ids again, and leaves quotes without text', async () => {
    const server = await TestServer.start({ IM_DATABASE_URL: await database.freshUrl() });
    try {
      const { kysely } = server.context.database;
      await server.users('D', 'P');
      for (const id of ['s', 'kept']) await server.session(id, 1, 'D', 'P');
      const [old, quoted] = await past(server.context.database, 's', 'D', [40, 39]);
      const recall = (session: string, id: number) =>
        server.request('delete', `/sessions/${session}/messages/${id}`).expect(200);
      const send = async (session: string, more: object) => {
        const body = { sender_id: 'D', type: 1, content: '新', ...more };
        const sent = await server.request('post', `/sessions/${session}/messages`).send(body).expect(201);
        return sent.body as { id: number; reply_to: object };
      };
      const quote = await send('s', { reply_to: quoted });
      const [fresh, other] = [await send('s', {}), await send('kept', {})];
      for (const id of [old!, fresh.id]) await recall('s', id);
      await recall('kept', other.id);
      await new Retention({ database: server.context.database, retentionDays: 30 }).runOnce();

      const left = async (table: 'recalls' | 'recalled_messages') =>
        (await kysely.selectFrom(table).select('message_id').execute()).map((row) => row.message_id).sort();
      for (const table of ['recalls', 'recalled_messages'] as const)
        should(await left(table)).eql([fresh.id, other.id].sort());
      const listed = await server.request('get', '/sessions/s/recalls').expect(200);
      should(listed.body.items.map(({ id }: { id: number }) => id)).eql([2]);
      const shown = await server.request('get', `/sessions/s/messages/${quote.id}`).expect(200);
      should(shown.body.reply_to).eql({ ...quote.reply_to, text: null });
      await recall('s', quote.id);
      const row = await kysely.selectFrom('sessions').selectAll().where('id', '=', 's').executeTakeFirst();
      should(row!.last_recall_id).equal(3);
    } finally {
      await server.stop();
    }
  });
});

eachDatabase('Notices of a message that is taken back', (database) => {
  const stage = withNotices(database, { IM_ACK_TIMEOUT_MS: '60000' });
  const recall = (id: number) => stage.server.request('delete', `/sessions/s/messages/${id}`).expect(200);

  it('are skipped with it, while they wait', async () => {
    const { fake, server } = stage;
    const patient = await server.socket('P', 's');
    const sent = await server.send('s', 'D', '秘密');
    const other = await server.send('s', 'D', '别的');
    await recall(sent.id);
    should((await noticesOf(server, sent)).map(({ state }) => state)).eql(['skipped']);
    should((await noticesOf(server, other)).map(({ state }) => state)).eql(['pending']);
    await patient.close();
    should(fake.sends.length).equal(0);
  });

  it('is sent to its end, when it is under way', async () => {
    const { fake, server } = stage;
    let release: () => void = () => undefined;
    fake.answerNext('send', { when: new Promise<void>((resolve) => (release = resolve)) });
    const sent = await server.send('s', 'D', '秘密');
    await fake.waitForSends(1);
    await recall(sent.id);
    should((await noticesOf(server, sent)).map(({ state }) => state)).eql(['skipped']);
    release();
    await noticeWhen(server, sent, ({ state }) => state === 'sent');
  });

  for (const [answer, state] of [
    ['sent', 'sent'],
    ['failed', 'failed'],
    ['pending', 'skipped'],
  ] as const) {
    it(`ends as ${state}, when a try that is under way comes to ${answer}`, async () => {
      const { server } = stage;
      const { database: opened } = server.context;
      const patient = await server.socket('P', 's');
      const sent = await server.send('s', 'D', '秘密');
      const [notice] = await noticesOf(server, sent);
      const claim = { claimed_by: 'w', due_time: toSqlTime(Date.now() + 25_000) };
      await opened.kysely.updateTable('notices').set(claim).where('id', '=', notice!.id).execute();
      await recall(sent.id);
      const finished = { state: answer, attempts: 1, last_error: null };
      should(await finishNotice(opened, NO_EVENTS, 'w', notice!, finished)).equal(state);
      should((await noticesOf(server, sent)).map((each) => each.state)).eql([state]);
      await patient.close();
    });
  }

  it('end as skipped, when one that failed is sent anew', async () => {
    const { fake, server } = stage;
    fake.answerNext('send', { errcode: 47003 });
    const sent = await server.send('s', 'D', '秘密');
    const failed = await noticeWhen(server, sent, ({ state }) => state === 'failed');
    await recall(sent.id);
    should((await noticesOf(server, sent)).map(({ state }) => state)).eql(['failed']);
    const sends = fake.sends.length;
    await server.context.database.kysely
      .updateTable('notices')
      .set({ state: 'pending', attempts: 0 })
      .where('id', '=', failed.id)
      .execute();
    await makeDue(server, failed.id);
    await noticeWhen(server, sent, ({ state }) => state === 'skipped');
    should(fake.sends.length).equal(sends);
  });
});
