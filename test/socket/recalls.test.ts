import should from 'should';
import { eachDatabase } from '../support/databases';
import { TestServer } from '../support/server';
import { connect, type Frame, type SocketClient, terminateAll } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';

eachDatabase('Recalls on sockets', (database) => {
  let server: TestServer;
  let sessions = 0;
  let s: string;

  before(async () => {
    server = await TestServer.start({ IM_DATABASE_URL: await database.freshUrl(), IM_SEND_RATE: '100000' });
    await server.users('D', 'D2', 'P');
    await server.session('elsewhere', 3, 'D', 'D2', 'P');
  });
  beforeEach(async () => {
    s = `s${++sessions}`;
    await server.session(s, 3, 'D', 'D2', 'P');
  });
  afterEach(terminateAll);
  after(() => server.stop());

  /** The types of what has come but what belongs to the login, once the socket has answered a ping. */
  async function typesOf(socket: SocketClient): Promise<string[]> {
    await socket.request('ping');
    return socket.frames.map(({ type }) => type).filter((type) => !['login_ok', 'pong'].includes(type));
  }

  const recallRest = (id: number) => server.request('delete', `/sessions/${s}/messages/${id}`).expect(200);

  it('are told to everybody who gets the session, and answered to the one who asks', async () => {
    const sent = await server.send(s, 'P', '发错人了');
    const asker = await server.socket('P', s);
    const others = [await server.socket('P', s), await server.socket('D', s), await server.socket('D2')];
    const elsewhere = await server.socket('D', 'elsewhere');
    const ok = await asker.request('recall', { message_id: sent.id });
    ok.type.should.equal('recall_ok');
    should(ok.data.message).eql({ ...sent, content: null, recalled: ok.data.message.recalled });
    for (const socket of others) {
      should((await socket.next('recall')).data).eql({
        session_id: s,
        id: 1,
        message_id: sent.id,
        recalled: ok.data.message.recalled,
      });
    }
    should(await typesOf(asker)).eql(['recall_ok']);
    should(await typesOf(elsewhere)).eql([]);
    // Again: the same answer, and nobody hears of it.
    const again = await asker.request('recall', { session_id: s, message_id: sent.id });
    should([again.type, again.data]).eql(['recall_ok', ok.data]);
    for (const socket of others) should(await typesOf(socket)).eql(['recall']);
  });

  it('of another session than the socket is bound to are answered, too', async () => {
    const sent = await server.send(s, 'P', '发错人了');
    const asker = await server.socket('P', 'elsewhere');
    const other = await server.socket('D', s);
    const ok = await asker.request('recall', { session_id: s, message_id: sent.id });
    should([ok.type, ok.data.message.content]).eql(['recall_ok', null]);
    (await other.next('recall')).data.message_id.should.equal(sent.id);
    should(await typesOf(asker)).eql(['recall_ok']);
  });

  it('are refused as over REST, and the socket stays', async () => {
    const sent = await server.send(s, 'D', '我的');
    const asker = await server.socket('P', s);
    for (const [data, code] of [
      [{ message_id: sent.id }, 'forbidden'],
      [{ message_id: sent.id + 1_000_000 }, 'not_found'],
      [{ session_id: 'unknown', message_id: sent.id }, 'not_found'],
      [{}, 'validation_failed'],
      [{ message_id: '1' }, 'validation_failed'],
    ] as const) {
      const answer = await asker.request('recall', data);
      should([answer.type, answer.data.code]).eql(['error', code]);
    }
    should((await asker.request('ping')).type).equal('pong');
  });

  it('are counted at the login, and synced by whoever was away', async () => {
    const ids: number[] = [];
    for (const text of ['一', '二', '三', '四']) ids.push((await server.send(s, 'D', text)).id);
    const login = async (socket: SocketClient, session?: string): Promise<Frame['data']> => {
      const [user, type] = session === undefined ? (['D2', 'doctor'] as const) : (['P', 'patient'] as const);
      return (await socket.login(await server.token(user), session, type)).data;
    };
    should((await login(await connect(server.url), s)).last_recall_id).equal(0);
    for (const id of [ids[2]!, ids[0]!, ids[1]!]) await recallRest(id);
    const socket = await connect(server.url);
    should((await login(socket, s)).last_recall_id).equal(3);
    const unbound = await login(await connect(server.url));
    should(unbound.last_recall_id).equal(null);
    should((unbound.sessions as { session_id: string }[]).find((each) => each.session_id === s)).eql({
      session_id: s,
      last_message_id: ids[3],
      last_recall_id: 3,
    });
    const sync = async (data: object): Promise<Frame['data']> => (await socket.request('sync', data)).data;
    const first = await sync({ after: 0, recalls_after: 0, limit: 2 });
    should(first.items.map(({ content }: { content: unknown }) => content)).eql([null, null]);
    should(first.recalls.map((each: { id: number; message_id: number }) => [each.id, each.message_id])).eql([
      [1, ids[2]],
      [2, ids[0]],
    ]);
    should(first.more).equal(true);
    should(await sync({ after: ids[3], recalls_after: 2 })).eql({
      items: [],
      more: false,
      recalls: [{ id: 3, message_id: ids[1], recalled: first.items[1].recalled }],
    });
    // While either goes on.
    should((await sync({ after: ids[3], recalls_after: 0, limit: 1 })).more).equal(true);
    should(Object.keys((await sync({ after: 0 })) as object)).eql(['items', 'more']);
    should((await socket.request('sync', { after: 0, recalls_after: -1 })).data.errors[0].path).equal(
      'recalls_after',
    );
  });

  it('leave quotes without their text, and a quote comes with it', async () => {
    const first = await server.send(s, 'P', '血压150');
    const [patient, doctor] = [await server.socket('P', s), await server.socket('D', s)];
    const ok = await doctor.request('message', { type: 1, content: '多喝水', reply_to: first.id });
    should(ok.data.message.reply_to.text).equal('血压150');
    should((await patient.next('message')).data.message).eql(ok.data.message);
    await patient.request('recall', { message_id: first.id });
    await doctor.next('recall');
    const after = await doctor.request('message', { type: 1, content: '好', reply_to: first.id });
    should(after.data.message.reply_to.text).equal(null);
    should((await patient.next('message')).data.message.reply_to.text).equal(null);
    const refused = await doctor.request('message', { type: 1, content: '好', reply_to: 1_000_000_000 });
    should(refused.data.errors[0].path).equal('reply_to');
  });

  /** What a socket was told of the session's recalls, and that it was shown nothing after it was told. */
  function check(frames: readonly Frame[], after: number, last: number): void {
    const told = frames.filter(({ type }) => type === 'recall');
    should(told.map(({ data }) => data.id as number)).eql(
      Array.from({ length: last - after }, (_, index) => after + 1 + index),
    );
    const gone = new Set<number>();
    for (const { data, type } of frames) {
      if (type === 'recall') gone.add(data.message_id as number);
      if (type !== 'message') continue;
      const { content, id, reply_to: quote } = data.message;
      if (gone.has(id as number)) should(content).equal(null);
      if (quote !== null && gone.has(quote.id as number)) should(quote.text).equal(null);
    }
  }

  it('reach every socket that logs in meanwhile: each once, in order, all above its login_ok', async function () {
    this.timeout(60_000);
    let going = true;
    const writing = [0, 1].map(async () => {
      for (let before = 0; going;) {
        const body = {
          sender_id: 'D',
          type: 1,
          content: '秘密',
          ...(before > 0 ? { reply_to: before } : {}),
        };
        const sent = await server.request('post', `/sessions/${s}/messages`).send(body).expect(201);
        if (Math.random() < 0.7) await recallRest(sent.body.id as number);
        before = sent.body.id as number;
      }
    });
    const [patient, doctor] = [await server.token('P'), await server.token('D2')];
    const logins: { socket: SocketClient; after: number }[] = [];
    for (let n = 0; n < 20; n += 1) {
      const socket = await connect(server.url);
      const { data } =
        n % 2 === 0
          ? await socket.login(patient, s, 'patient')
          : await socket.login(doctor, undefined, 'doctor');
      const heads = data.sessions as { session_id: string; last_recall_id: number }[] | undefined;
      const after =
        heads?.find((head) => head.session_id === s)!.last_recall_id ?? (data.last_recall_id as number);
      logins.push({ socket, after });
    }
    going = false;
    await Promise.all(writing);
    const row = await server.context.database.kysely
      .selectFrom('sessions')
      .select('last_recall_id')
      .where('id', '=', s)
      .executeTakeFirstOrThrow();
    row.last_recall_id.should.be.above(0);
    for (const { after, socket } of logins) {
      const count = () => socket.frames.filter(({ type }) => type === 'recall').length;
      await waitUntil(
        () => count() >= row.last_recall_id - after,
        15_000,
        () => `${count()} recalls of ${row.last_recall_id - after} came`,
      );
      check(socket.frames, after, row.last_recall_id);
    }
  });
});
