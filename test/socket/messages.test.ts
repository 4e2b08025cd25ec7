import should from 'should';
import { eachDatabase } from '../support/databases';
import { TestServer } from '../support/server';
import { type SocketClient, terminateAll } from '../support/socket-client';

interface Page {
  items: { id: number }[];
  more: boolean;
}

eachDatabase('Messages on sockets', (database) => {
  let server: TestServer;

  before(async () => {
    server = await TestServer.start({ IM_DATABASE_URL: await database.freshUrl() });
    await server.users('D', 'D2', 'P', 'P2');
  });

  let sessions = 0;
  let s: string;
  let t: string;

  beforeEach(async () => {
    s = `s${++sessions}`;
    t = `t${sessions}`;
    await server.session(s, 3, 'D', 'D2', 'P');
    await server.session(t, 1, 'D', 'P', 'P2');
  });

  afterEach(terminateAll);

  after(async () => {
    await server.stop();
  });

  /** The frames that come before the answer to a ping: what was pushed so far, but for what is still under way. */
  async function typesOf(socket: SocketClient): Promise<string[]> {
    await socket.request('ping');
    return socket.frames.slice(1, -1).map(({ type }) => type);
  }

  it('reach everybody who hears of the session, each once, and the sender by message_ok alone', async () => {
    const origin = await server.socket('D', s);
    const receivers = {
      'another socket of the sender': await server.socket('D', s),
      "the sender's unbound socket": await server.socket('D'),
      'another doctor': await server.socket('D2', s),
      'an unbound doctor': await server.socket('D2'),
      'the patient': await server.socket('P', s),
      "the patient's second device": await server.socket('P', s),
    };
    const elsewhere = { own: await server.socket('D', t), patient: await server.socket('P', t) };
    const stranger = await server.socket('P2', t);

    const content = '您好 😀 <script>&amp;\u202e';
    const answer = await origin.request('message', { type: 1, content, client_msg_id: 'c1' });
    should(answer.type).equal('message_ok');
    const { message } = answer.data;
    should(Object.keys(answer.data as object)).eql(['message']);
    should(message).containEql({
      session_id: s,
      sender_id: 'D',
      sender_name: 'D的名字',
      type: 1,
      content,
      client_msg_id: 'c1',
    });
    for (const socket of Object.values(receivers)) {
      should(await socket.next('message')).eql({ type: 'message', data: { message } });
    }
    should(await elsewhere.patient.next('notification')).eql({
      type: 'notification',
      data: { session_id: s, message },
    });
    for (const socket of Object.values(receivers)) should(await typesOf(socket)).eql(['message']);
    should(await typesOf(origin)).eql(['message_ok']);
    // One's own messages are no news.
    should(await typesOf(elsewhere.own)).eql([]);
    should(await typesOf(elsewhere.patient)).eql(['notification']);
    should(await typesOf(stranger)).eql([]);
    const { body } = await server.request('get', `/sessions/${s}/messages/${message.id}`).expect(200);
    should(body).eql(message);
  });

  it('can be sent to other sessions than the one that the socket is bound to', async () => {
    const bound = await server.socket('D', s);
    const unbound = await server.socket('D');
    const receiver = await server.socket('P', t);
    const first = await bound.request('message', { session_id: t, type: 1, content: 'one' });
    const second = await unbound.request('message', { session_id: t, type: 1, content: 'two' });
    should([first.type, second.type]).eql(['message_ok', 'message_ok']);
    for (const { data } of [first, second]) should((await receiver.next('message')).data).eql(data);
    should((await unbound.next('message')).data).eql(first.data);
    const nowhere = await unbound.request('message', { type: 1, content: 'x' });
    should(nowhere.data.code).equal('validation_failed');
    should(nowhere.data.errors).eql([
      { path: 'session_id', message: 'required on a socket that is bound to no session' },
    ]);
    for (const [type, faults] of [
      ['message', ['type', 'content', 'session_id']],
      ['read', ['message_id', 'session_id']],
      ['sync', ['after', 'session_id']],
      ['call_invite', ['media', 'session_id']],
    ] as const) {
      const { errors } = (await unbound.request(type, {})).data as { errors: { path: string }[] };
      should(errors.map(({ path }) => path).sort()).eql([...faults].sort());
    }
    should(await typesOf(bound)).eql(['message_ok']);
  });

  it('are pushed once however often they are sent', async () => {
    const origin = await server.socket('P', s);
    const receiver = await server.socket('D', s);
    const message = { type: 1, content: 'again', client_msg_id: 'same' };
    const answers = await Promise.all(Array.from({ length: 5 }, () => origin.request('message', message)));
    for (const { type, data } of answers)
      should({ type, data }).eql({ type: 'message_ok', data: answers[0]!.data });
    const { body } = await server
      .request('post', `/sessions/${s}/messages`)
      .send({ sender_id: 'P', ...message })
      .expect(200);
    should(body).eql(answers[0]!.data.message);
    should((await receiver.next('message')).data.message).eql(body);
    should(await typesOf(receiver)).eql(['message']);
    should(await typesOf(origin)).eql(Array.from({ length: 5 }, () => 'message_ok'));
  });

  it('of the platform and of REST reach all sockets, also those of the sender', async () => {
    const sockets = [await server.socket('D', s), await server.socket('P', s), await server.socket('D')];
    const system = await server
      .request('post', `/sessions/${s}/messages`)
      .send({ type: 0, content: { a: [1, null, '文'] } })
      .expect(201);
    const own = await server.send(s, 'D', 'over REST');
    for (const socket of sockets) {
      should((await socket.next('message')).data.message).eql(system.body);
      should((await socket.next('message')).data.message).eql(own);
    }
  });

  it('come with the name that the sender has now', async () => {
    const socket = await server.socket('P', s);
    await server.send(s, 'D2', 'before');
    await server.request('put', '/users/D2').send({ type: 'doctor', name: '新名字' }).expect(200);
    await server.send(s, 'D2', 'after');
    should((await socket.next('message')).data.message.sender_name).not.equal('新名字');
    should((await socket.next('message')).data.message.sender_name).equal('新名字');
    await server.request('put', '/users/D2').send({ type: 'doctor', name: 'D2的名字' }).expect(200);
  });

  it('that were read are told to the others, when something moved', async () => {
    const first = await server.send(s, 'D', 'one');
    const second = await server.send(s, 'D', 'two');
    const reader = await server.socket('P', s);
    const others = [await server.socket('P', s), await server.socket('D', s), await server.socket('D2')];
    reader.send('read', { message_id: first.id });
    const told = { session_id: s, user_id: 'P', message_id: first.id };
    for (const socket of others) should((await socket.next('read')).data).eql(told);
    reader.send('read', { message_id: first.id });
    reader.send('read', { session_id: s, message_id: second.id });
    for (const socket of others) should((await socket.next('read')).data.message_id).equal(second.id);
    for (const socket of others) should(await typesOf(socket)).eql(['read', 'read']);
    should(await typesOf(reader)).eql([]);
    const { body } = await server.request('get', `/sessions/${s}/unread_message_count?user_id=P`).expect(200);
    should(body.count).equal(0);
    // Over REST nobody is left out.
    const third = await server.send(s, 'D', 'three');
    await server.request('get', `/sessions/${s}/messages?user_id=P`).expect(200);
    should((await reader.next('read')).data.message_id).equal(third.id);
  });

  it('that arrived are told to nobody', async () => {
    const sent = await server.send(s, 'D', 'one');
    const [patient, doctor] = [await server.socket('P', s), await server.socket('D', s)];
    patient.send('ack', { message_id: sent.id });
    doctor.send('ack', { message_id: sent.id });
    should(await typesOf(patient)).eql([]);
    should(await typesOf(doctor)).eql([]);
    const { body } = await server.request('get', `/sessions/${s}/unread_message_count?user_id=P`).expect(200);
    should(body.count).equal(1);
  });

  it('are answered all, and counted as arrived all, however many requests come at once', async function () {
    this.timeout(30_000);
    const sent = await server.send(s, 'D', 'one');
    const [patient, doctor] = [await server.socket('P', s), await server.socket('D', s)];
    // Within the burst that a socket may send; test/socket/limits.test.ts has what lies beyond.
    const count = 60;
    const answers = Array.from({ length: count }, () => {
      patient.send('ack', { message_id: sent.id });
      patient.send('ping');
      return patient.request('sync', { after: 0 }, 20_000);
    });
    patient.send('read', { message_id: sent.id });
    for (const answer of answers) should((await answer).type).equal('sync_ok');
    should((await doctor.next('read')).data.message_id).equal(sent.id);
    const types = await typesOf(patient);
    should(types.filter((type) => type === 'pong')).have.length(count);
    should(types).have.length(2 * count);
  });

  it('are announced by typing, but not to the one who types', async () => {
    const typist = await server.socket('P', s);
    const own = await server.socket('P', s);
    const others = [await server.socket('D', s), await server.socket('D2')];
    const elsewhere = await server.socket('D', t);
    for (const typing of [true, false]) {
      typist.send('typing', { typing });
      for (const socket of others) {
        should((await socket.next('typing')).data).eql({ session_id: s, user_id: 'P', typing });
      }
    }
    for (const socket of [typist, own, elsewhere]) should(await typesOf(socket)).eql([]);
    // An unbound doctor names the session.
    others[1]!.send('typing', { session_id: s, typing: true });
    should((await typist.next('typing')).data.user_id).equal('D2');
  });

  it('are synced page by page, oldest first', async () => {
    const sent: number[] = [];
    for (let turn = 0; turn < 7; turn += 1) sent.push((await server.send(s, 'D', String(turn))).id);
    const socket = await server.socket('P', s);
    const sync = async (data: object) => {
      const { type, data: page } = await socket.request('sync', data);
      should(type).equal('sync_ok');
      const items = page.items as { id: number }[];
      return { ids: items.map(({ id }) => id), more: page.more as boolean };
    };
    should(await sync({ after: 0, limit: 3 })).eql({ ids: sent.slice(0, 3), more: true });
    should(await sync({ after: sent[2], limit: 3 })).eql({ ids: sent.slice(3, 6), more: true });
    should(await sync({ after: sent[3], limit: 3 })).eql({ ids: sent.slice(4), more: false });
    should(await sync({ after: sent[6] })).eql({ ids: [], more: false });
    should(await sync({ after: Number.MAX_SAFE_INTEGER })).eql({ ids: [], more: false });
    should(await sync({ session_id: t, after: 0 })).eql({ ids: [], more: false });
    // What was synced is neither read nor settled.
    const { body } = await server.request('get', `/sessions/${s}/unread_message_count?user_id=P`).expect(200);
    should(body.count).equal(7);
  });

  it('are cut at 512 KiB a page, over sockets and REST', async () => {
    const content = '文'.repeat(5000);
    const count = 60;
    for (let turn = 0; turn < count; turn += 1) await server.send(s, 'D', content);
    const socket = await server.socket('P', s);
    const limit = 512 * 1024;
    const pages: ((after: number) => Promise<Page>)[] = [
      async (after) => (await socket.request('sync', { after, limit: 200 })).data as Page,
      async (after) =>
        (await server.request('get', `/sessions/${s}/messages?peek=1&limit=200&after=${after}`)).body as Page,
    ];
    for (const page of pages) {
      const sizes: number[] = [];
      let after = 0;
      let seen = 0;
      for (let more = true; more;) {
        const body = await page(after);
        sizes.push(Buffer.byteLength(JSON.stringify(body)));
        seen += body.items.length;
        after = body.items.at(-1)!.id;
        more = body.more;
      }
      should(seen).equal(count);
      for (const size of sizes) size.should.be.belowOrEqual(limit);
      sizes[0]!.should.be.above(limit - 20_000);
    }
    // The newest page is cut at its old end.
    const { body } = await server.request('get', `/sessions/${s}/messages?peek=1&limit=200`).expect(200);
    should(body.more).equal(true);
    Buffer.byteLength(JSON.stringify(body)).should.be.within(limit - 20_000, limit);
    const { body: newest } = await server.request('get', `/sessions/${s}/messages?peek=1&limit=1`);
    should(body.items.at(-1)).eql(newest.items[0]);
  });

  it('of sessions that come later reach an unbound doctor, too', async () => {
    const unbound = await server.socket('D2');
    await server.session(`${s}-new`, 3, 'D', 'D2', 'P');
    const first = await server.send(`${s}-new`, 'P', 'into a new session');
    should((await unbound.next('message')).data.message).eql(first);
    await server.send(t, 'P', 'not in it yet');
    await server.request('put', `/sessions/${t}/participants/D2`).send({}).expect(201);
    const second = await server.send(t, 'P', 'now');
    should((await unbound.next('message')).data.message).eql(second);
    await server
      .request('post', `/sessions/${s}-topic/topics`)
      .send({
        session_id: `${s}-by-topic`,
        session_name: 'x',
        session_type: 3,
        participants: [{ id: 'D2' }, { id: 'P' }],
        name: 'topic',
        messages: [{ sender_id: 'P', type: 1, content: 'with a topic' }],
      })
      .expect(201);
    should((await unbound.next('message')).data.message.type).equal(6);
    should((await unbound.next('message')).data.message.content).equal('with a topic');
    should((await unbound.next('topic')).data.topic.name).equal('topic');
  });

  it('end for an unbound doctor with the word of its removal', async () => {
    await server.session(`${s}-left`, 3, 'D', 'D2', 'P');
    const unbound = await server.socket('D2');
    await server.request('delete', `/sessions/${s}-left/participants/D2`).expect(204);
    const { data } = await unbound.next('participants');
    should(data.session_id).equal(`${s}-left`);
    should(data.items.map(({ id }: { id: string }) => id)).eql(['D', 'P']);
    await server.send(`${s}-left`, 'P', 'without D2');
    await server.session(`${s}-other`, 3, 'D', 'D2', 'P');
    await server.send(`${s}-other`, 'P', 'with D2');
    should((await unbound.next('message')).data.message.content).equal('with D2');
  });

  it('beyond the rate of one user are refused, and the others are not', async () => {
    const slow = await TestServer.start({ IM_DATABASE_URL: await database.freshUrl(), IM_SEND_RATE: '2' });
    try {
      await slow.users('D', 'P');
      await slow.session('s', 3, 'D', 'P');
      const [first, second] = [await slow.socket('P', 's'), await slow.socket('P', 's')];
      const other = await slow.socket('D', 's');
      const send = (socket: SocketClient) => socket.request('message', { type: 1, content: 'x' });
      const answers = await Promise.all([first, second, first, second, first, second].map(send));
      const refused = answers.filter(({ type }) => type === 'error');
      refused.length.should.be.within(1, 2);
      for (const { data } of refused) should(data.code).equal('rate_limited');
      should((await send(other)).type).equal('message_ok');
      // The platform is not limited, also not in that user's name.
      for (let turn = 0; turn < 6; turn += 1) await slow.send('s', 'P', 'x');
    } finally {
      await terminateAll();
      await slow.stop();
    }
  });
});
