import { eachDatabase } from '../support/databases';
import { FakeWechat } from '../support/fake-wechat';
import { TestServer } from '../support/server';
import { type SocketClient } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';

eachDatabase('A call that somebody declines', (database) => {
  let server: TestServer;
  let wechat: FakeWechat;
  const sockets: SocketClient[] = [];
  let groups = 0;
  let group: string;

  before(async () => {
    wechat = await FakeWechat.start();
    server = await TestServer.start({
      IM_DATABASE_URL: await database.freshUrl(),
      IM_CALL_TIMEOUT_MS: '20000',
      IM_WECHAT_APP_ID: wechat.appId,
      IM_WECHAT_APP_SECRET: wechat.appSecret,
      IM_WECHAT_TEMPLATE_ID: wechat.templateId,
      IM_WECHAT_API_BASE: wechat.baseUrl,
    });
    await server.users('D1', 'D2', 'D3', 'P1');
  });

  after(async () => {
    await server.stop();
    await wechat.stop();
  });

  beforeEach(async () => {
    wechat.reset();
    group = `g${++groups}`;
    await server.session(group, 3, 'D1', 'D2', 'D3');
  });

  afterEach(async () => {
    await Promise.all(sockets.splice(0).map((socket) => socket.close()));
  });

  async function open(user: string, session?: string): Promise<SocketClient> {
    const socket = await server.socket(user, session);
    sockets.push(socket);
    return socket;
  }

  const ring = async (caller: SocketClient) =>
    (await caller.request('call_invite', { media: 'video' })).data.call_id as string;

  const isRejected = async (caller: SocketClient) => {
    (await caller.next('call_ended')).data.result.should.equal('rejected');
  };

  it('waits for nobody who is away, or whose socket is bound elsewhere', async () => {
    await server.session(`other-${group}`, 3, 'D3', 'D1');
    await open('D3', `other-${group}`);
    const caller = await open('D1', group);
    const second = await open('D2', group);
    const id = await ring(caller);
    second.send('call_reject', { call_id: id });
    await isRejected(caller);
    (await server.context.database.kysely.selectFrom('call_rings').selectAll().execute()).should.eql([]);
  });

  it('waits for an unbound doctor, and for whoever logs in meanwhile', async () => {
    await server.request('post', `/sessions/${group}/participants`).send({ participants: [{ id: 'P1' }] });
    const caller = await open('D1', group);
    const second = await open('D2');
    await server.context.database.kysely.updateTable('patients').set({ openid: null }).execute();
    const id = await ring(caller);
    const third = await open('D3', group);
    (await third.next('call_invite')).data.call_id.should.equal(id);
    second.send('call_reject', { call_id: id });
    await caller.expectNothing('call_ended');
    third.send('call_reject', { call_id: id });
    // The patient without an openid was not rung after all.
    await isRejected(caller);
    await server.context.database.kysely.updateTable('patients').set({ openid: 'openid-P1' }).execute();
  });

  it('also where the caller has a long id and no profile any more', async () => {
    const id = `D${'x'.repeat(120)}${group}`;
    await server.request('put', `/users/${id}`).send({ type: 'doctor', name: '李主任' }).expect(201);
    await server.session(`long-${group}`, 3, id, 'D2');
    const caller = await open(id, `long-${group}`);
    const second = await open('D2', `long-${group}`);
    await server.context.database.kysely.deleteFrom('doctors').where('id', '=', id).execute();
    const call = await ring(caller);
    second.send('call_reject', { call_id: call });
    await isRejected(caller);
    const { data } = await second.next('message');
    data.message.sender_name.should.equal(id.slice(0, 100));
  });

  it('does not wait for a template that is not sent after all, also when that shows later', async () => {
    await server.request('post', `/sessions/${group}/participants`).send({ participants: [{ id: 'P1' }] });
    const caller = await open('D1', group);
    const second = await open('D2', group);
    wechat.answerFor('openid-P1', 43004);
    let answer: () => void = () => undefined;
    wechat.answerNext('send', { when: new Promise<void>((resolve) => (answer = resolve)) });
    const id = await ring(caller);
    await second.next('call_invite');
    second.send('call_reject', { call_id: id });
    // The template is on its way.
    await caller.expectNothing('call_ended');
    answer();
    await isRejected(caller);
    wechat.answerFor('openid-P1', undefined);
  });

  it('does not wait for one who is removed', async () => {
    const caller = await open('D1', group);
    const second = await open('D2', group);
    await open('D3', group);
    const id = await ring(caller);
    second.send('call_reject', { call_id: id });
    await caller.expectNothing('call_ended');
    await server.request('delete', `/sessions/${group}/participants/D3`).expect(204);
    await isRejected(caller);
  });

  it('waits for a patient who was sent the template', async () => {
    await server.request('post', `/sessions/${group}/participants`).send({ participants: [{ id: 'P1' }] });
    const caller = await open('D1', group);
    const second = await open('D2', group);
    const id = await ring(caller);
    await waitUntil(
      () => wechat.sends.length === 1,
      20_000,
      () => 'the template is sent',
    );
    second.send('call_reject', { call_id: id });
    await caller.expectNothing('call_ended');
    const patient = await open('P1', group);
    (await patient.next('call_invite')).data.call_id.should.equal(id);
    patient.send('call_reject', { call_id: id });
    await isRejected(caller);
  });
});
