import { setTimeout as sleep } from 'node:timers/promises';
import mysql from 'mysql2/promise';
import should from 'should';
import { eachDatabase, eachSqlServer } from '../support/databases';
import { Api, faultPaths } from './api';

eachDatabase('Forwarding', (database) => {
  let api: Api;
  let session: string;
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'P1');
    session = await api.session(1, 'D1', 'P1');
  });
  after(() => api.stop());

  const forward = (by: string, from: string, id: number, to = session) =>
    api.post(by, `/sessions/${to}/messages`, {
      type: 8,
      content: { session_id: from, message_id: id },
      ...(by === 'backend' ? { sender_id: 'D1' } : {}),
    });

  /** What of a message a copy has. */
  const copyOf = (message: object): object => {
    const {
      client_msg_id: _id,
      recalled: _recalled,
      reply_to: _quote,
      ...copy
    } = message as Record<string, unknown>;
    return copy;
  };

  it('stores a copy of what the sender may read', async () => {
    const team = await api.session(3, 'D1', 'D2');
    const source = await api.server.send(team, 'D2', '<b>内部 😀');
    for (const by of ['D1', 'backend']) {
      const sent = await forward(by, team, source.id);
      sent.status.should.equal(201);
      should(sent.body.content).eql({ session_id: team, message_id: source.id, message: copyOf(source) });
      should((await api.get('P1', `/sessions/${session}/messages/${String(sent.body.id)}`)).body).eql(
        sent.body,
      );
    }
  });

  it('what is forwarded can be forwarded', async () => {
    const first = await api.server.send(session, 'P1', '您好');
    const second = await forward('D1', session, first.id);
    const third = await forward('D1', session, second.body.id as number);
    should(third.body.content.message).eql(copyOf(second.body as object));
    should(third.body.content.message.content.message).eql(copyOf(first));
  });

  it('but not without end', async () => {
    let last = (await api.server.send(session, 'P1', '您好')).id;
    const statuses: number[] = [];
    for (let time = 0; time < 32; time += 1) {
      const answer = await forward('D1', session, last);
      statuses.push(answer.status);
      if (answer.status !== 201) {
        should(answer.body.errors[0].path).equal('content');
        break;
      }
      last = answer.body.id as number;
    }
    statuses.at(-1)!.should.equal(400);
    statuses.length.should.be.aboveOrEqual(5);
    (await api.get('D1', `/sessions/${session}/messages?peek=1&limit=5`)).status.should.equal(200);
  });

  it('refuses what the sender may not read, and what is not there', async () => {
    const team = await api.session(3, 'D1', 'D2');
    const source = await api.server.send(team, 'D2', '内部');
    for (const [by, from, id] of [
      ['P1', team, source.id],
      ['D1', session, source.id + 1_000_000],
      ['D1', 'unknown', source.id],
      ['backend', 'unknown', source.id],
    ] as const) {
      const answer = await forward(by, from, id);
      should([answer.status, answer.body.errors?.[0]?.path]).eql([400, 'content']);
    }
    await api.delete('backend', `/sessions/${team}/participants/D1`);
    (await forward('D1', team, source.id)).status.should.equal(400);
    // The platform forwards for D1, who may not; as itself, in its own messages, there is no forward.
    (await forward('backend', team, source.id)).status.should.equal(400);
  });

  it("an id of another session's message is not there, though the table is the same", async () => {
    const other = await api.session(1, 'D1', 'P1');
    const source = await api.server.send(other, 'P1', '您好');
    (await forward('D1', session, source.id)).status.should.equal(400);
    (await api.get('D1', `/sessions/${session}/messages/${source.id}`)).status.should.equal(404);
  });

  it('a topic may start with as many forwards as one statement takes, and with no more', async () => {
    const long = await api.post('backend', `/sessions/${session}/messages`, {
      type: 0,
      content: 'x'.repeat(200_000),
    });
    const start = (count: number) =>
      api.post('D1', `/sessions/${api.fresh('t')}/topics`, {
        session_id: session,
        name: 'x',
        messages: Array.from({ length: count }, () => ({
          type: 8,
          content: { session_id: session, message_id: long.body.id as number },
        })),
      });
    const refused = await start(100);
    should([refused.status, faultPaths(refused)]).eql([400, ['messages.5.content']]);
    (await start(5)).status.should.equal(201);
  });
});

/** A recall of another process, as far as a forward meets it: it holds the message's row, and has not committed. */
eachSqlServer("A forward of another session's message that is being taken back", (database) => {
  let api: Api;
  let recaller: mysql.Connection;
  before(async () => {
    const url = await database.freshUrl();
    api = await Api.start({ IM_DATABASE_URL: url });
    await api.server.users('D1', 'D2', 'P1');
    recaller = await mysql.createConnection(url);
  });
  after(async () => {
    await recaller.end();
    await api.stop();
  });

  for (const way of ['a send', 'the start of a topic'])
    for (const end of ['commit', 'rollback'])
      it(`waits for the ${end}: ${way}`, async () => {
        const source = await api.session(3, 'D1', 'D2');
        const target = await api.session(1, 'D1', 'P1');
        const { id } = await api.server.send(source, 'D2', '发错了');
        await recaller.query('begin');
        await recaller.query(
          "update group_messages set content = null, recalled_by = 'D2', recalled_time = timestamp where id = ?",
          [id],
        );
        const message = { type: 8, content: { session_id: source, message_id: id } };
        const forwarded =
          way === 'a send'
            ? api.post('D1', `/sessions/${target}/messages`, message)
            : api.post('D1', `/sessions/${api.fresh('t')}/topics`, {
                session_id: target,
                name: 'x',
                messages: [message],
              });
        const first = await Promise.race([forwarded, sleep(300, 'waits')]);
        await recaller.query(end);
        should(first).equal('waits');
        (await forwarded).status.should.equal(end === 'commit' ? 400 : 201);
      });
});
