import should from 'should';
import { type CallRow } from '../../src/db/schema';
import { findCall } from '../../src/model/calls';
import { eachDatabase } from '../support/databases';
import { FakeWechat } from '../support/fake-wechat';
import { TestServer } from '../support/server';
import { type SocketClient } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';

// A call must not end while a busy machine comes to answer it, or to come back to it.
const RING_MS = 10_000;
const RECONNECT_MS = 3_000;
/** For the one that nobody answers. */
const SHORT_RING_MS = 500;

eachDatabase('Calls', (database) => {
  let server: TestServer;
  let wechat: FakeWechat;
  let doctor: SocketClient;
  let patient: SocketClient;
  let sessions = 0;
  let session: string;

  before(async () => {
    wechat = await FakeWechat.start();
    server = await TestServer.start({
      IM_DATABASE_URL: await database.freshUrl(),
      IM_CALL_TIMEOUT_MS: String(RING_MS),
      IM_CALL_RECONNECT_MS: String(RECONNECT_MS),
      IM_ICE_SERVERS: '[{"urls":"stun:stun.example.com:3478"}]',
      IM_WECHAT_APP_ID: wechat.appId,
      IM_WECHAT_APP_SECRET: wechat.appSecret,
      IM_WECHAT_TEMPLATE_ID: wechat.templateId,
      IM_WECHAT_API_BASE: wechat.baseUrl,
    });
    await server.users('D1', 'D2', 'P1');
  });

  after(async () => {
    await server.stop();
    await wechat.stop();
  });

  beforeEach(async () => {
    wechat.reset();
    session = `s${++sessions}`;
    await server.session(session, 1, 'D1', 'P1');
    doctor = await server.socket('D1', session);
    patient = await server.socket('P1', session);
  });

  afterEach(async () => {
    await doctor.close();
    await patient.close();
  });

  async function invite(media = 'video'): Promise<string> {
    const ok = await doctor.request('call_invite', { media });
    ok.type.should.equal('call_ok');
    ok.data.ice_servers.should.eql([{ urls: 'stun:stun.example.com:3478' }]);
    const rung = await patient.next('call_invite');
    rung.data.should.eql({
      call_id: ok.data.call_id,
      session_id: session,
      from: 'D1',
      media,
      ice_servers: [{ urls: 'stun:stun.example.com:3478' }],
    });
    return ok.data.call_id as string;
  }

  async function accepted(): Promise<string> {
    const id = await invite();
    patient.send('call_accept', { call_id: id });
    (await doctor.next('call_accept')).data.should.eql({ call_id: id, user_id: 'P1' });
    return id;
  }

  /** The call's end at both sockets, and its one record. */
  async function ended(id: string, result: string, watcher = patient, at = server): Promise<number> {
    const end = (await watcher.next('call_ended', RECONNECT_MS + 8_000)).data;
    should(end.call_id).equal(id);
    should(end.result).equal(result);
    const history = await at.request('get', `/sessions/${session}/messages?peek=1`).expect(200);
    const records = history.body.items.filter((message: { type: number }) => message.type === 14);
    should(records).have.length(1);
    should(records[0].sender_id).equal('D1');
    should(records[0].content).eql({ call_id: id, result, duration: end.duration });
    return end.duration as number;
  }

  /** The call, once it is as it should be. */
  async function becomes(id: string, is: (call: CallRow) => boolean): Promise<void> {
    let call: CallRow | undefined;
    await waitUntil(
      async () => {
        call = await findCall(server.context.database.kysely, id);
        return call !== undefined && is(call);
      },
      20_000,
      () => `the call stays ${JSON.stringify(call)}`,
    );
  }

  it('rings, is taken, passes signals in order both ways, and ends with one record', async () => {
    const since = performance.now();
    const id = await accepted();
    for (let index = 0; index < 20; index += 1)
      doctor.send('call_signal', { call_id: id, signal: { index } });
    for (let index = 0; index < 20; index += 1) {
      (await patient.next('call_signal')).data.should.eql({ call_id: id, signal: { index } });
    }
    patient.send('call_signal', { call_id: id, signal: { sdp: 'answer' } });
    (await doctor.next('call_signal')).data.signal.should.eql({ sdp: 'answer' });
    await new Promise((resolve) => setTimeout(resolve, 1050));
    patient.send('call_hangup', { call_id: id });
    const duration = await ended(id, 'completed');
    duration.should.be.within(1, Math.ceil((performance.now() - since) / 1000));
    (await doctor.next('call_ended')).data.result.should.equal('completed');
    (await patient.next('message')).data.message.type.should.equal(14);
  });

  it('is cancelled by its caller, or by the caller hanging up', async () => {
    for (const how of ['call_cancel', 'call_hangup']) {
      const id = await invite('audio');
      doctor.send(how, { call_id: id });
      const end = (await patient.next('call_ended')).data;
      end.should.eql({ call_id: id, result: 'cancelled', duration: 0 });
    }
  });

  it('is rejected when every callee says no, or one hangs up', async () => {
    const group = `g${sessions}`;
    await server.session(group, 3, 'D1', 'D2', 'P1');
    const caller = await server.socket('D1', group);
    const second = await server.socket('D2', group);
    const third = await server.socket('P1', group);
    try {
      const first = (await caller.request('call_invite', { media: 'video' })).data.call_id as string;
      second.send('call_reject', { call_id: first });
      await caller.expectNothing('call_ended');
      third.send('call_reject', { call_id: first });
      (await caller.next('call_ended')).data.should.eql({ call_id: first, result: 'rejected', duration: 0 });

      const other = (await caller.request('call_invite', { media: 'video' })).data.call_id as string;
      second.send('call_hangup', { call_id: other });
      (await caller.next('call_ended')).data.result.should.equal('rejected');
    } finally {
      for (const socket of [caller, second, third]) await socket.close();
    }
  });

  it('is missed when nobody answers in time', async () => {
    const quick = await TestServer.start({
      IM_DATABASE_URL: await database.freshUrl(),
      IM_CALL_TIMEOUT_MS: String(SHORT_RING_MS),
    });
    try {
      await quick.users('D1', 'P1');
      await quick.session(session, 1, 'D1', 'P1');
      const caller = await quick.socket('D1', session);
      const callee = await quick.socket('P1', session);
      const { call_id: id } = (await caller.request('call_invite', { media: 'video' })).data;
      (await callee.next('call_invite')).data.call_id.should.equal(id);
      (await ended(id as string, 'missed', callee, quick)).should.equal(0);
      (await caller.next('call_ended')).data.result.should.equal('missed');
      for (const socket of [caller, callee]) await socket.close();
    } finally {
      await quick.stop();
    }
  });

  it('goes to the first who takes it; the others learn that it is taken', async () => {
    const tablet = await server.socket('P1', session);
    try {
      const id = await invite();
      await tablet.next('call_invite');
      const both = [patient, tablet];
      for (const socket of both) socket.send('call_accept', { call_id: id });
      const [loser, refusal] = await Promise.any(
        both.map(async (socket) => [socket, await socket.next('error')] as const),
      );
      refusal.data.code.should.equal('conflict');
      (await loser.next('call_taken')).data.should.eql({ call_id: id });
      await doctor.next('call_accept');
      await doctor.expectNothing('call_accept', 100);
      both.filter((socket) => socket.frames.some((each) => each.type === 'error')).should.have.length(1);
    } finally {
      await tablet.close();
    }
  });

  it('is one a session, also when both ring at once', async () => {
    const answers = await Promise.all([
      doctor.request('call_invite', { media: 'video' }),
      patient.request('call_invite', { media: 'video' }),
    ]);
    answers
      .map((answer) => String(answer.data.code ?? answer.type))
      .sort()
      .should.eql(['call_ok', 'conflict']);
  });

  it('waits for a dropped socket, whose place the next one of its user takes with a signal', async () => {
    const id = await accepted();
    const spare = await server.socket('P1', session);
    const early = await spare.request('call_signal', { call_id: id, signal: 1 });
    early.data.code.should.equal('not_found');
    patient.terminate();
    await becomes(id, (call) => call.callee_socket === '');
    spare.send('call_signal', { call_id: id, signal: { restart: true } });
    (await doctor.next('call_signal')).data.signal.should.eql({ restart: true });
    doctor.send('call_signal', { call_id: id, signal: 'back' });
    (await spare.next('call_signal')).data.signal.should.equal('back');
    await doctor.expectNothing('call_ended', RECONNECT_MS + 1_000);
    spare.send('call_hangup', { call_id: id });
    await ended(id, 'completed', doctor);
    await spare.close();
  });

  it('tells a caller who was away that it was taken meanwhile, once, and goes on', async () => {
    const id = await invite();
    doctor.terminate();
    await becomes(id, (call) => call.caller_socket === '');
    patient.send('call_accept', { call_id: id });
    await becomes(id, (call) => call.state === 'active');
    doctor = await server.socket('D1', session);
    (await doctor.next('call_accept')).data.should.eql({ call_id: id, user_id: 'P1' });
    doctor.send('call_signal', { call_id: id, signal: { sdp: 'offer' } });
    (await patient.next('call_signal')).data.signal.should.eql({ sdp: 'offer' });
    patient.send('call_signal', { call_id: id, signal: { sdp: 'answer' } });
    (await doctor.next('call_signal')).data.signal.should.eql({ sdp: 'answer' });

    // Who has heard of it comes back with a signal and is not told again.
    doctor.terminate();
    await becomes(id, (call) => call.caller_socket === '');
    doctor = await server.socket('D1', session);
    await doctor.expectNothing('call_accept');
    doctor.send('call_signal', { call_id: id, signal: { sdp: 'offer' } });
    (await patient.next('call_signal')).data.signal.should.eql({ sdp: 'offer' });
    patient.send('call_hangup', { call_id: id });
    (await doctor.next('call_ended')).data.result.should.equal('completed');
  });

  it('rings no more for a callee who said no and comes again', async () => {
    const group = `g${session}`;
    await server.session(group, 1, 'D1', 'P1', 'D2');
    const caller = await server.socket('D1', group);
    const callee = await server.socket('D2', group);
    const { call_id: id } = (await caller.request('call_invite', { media: 'audio' })).data;
    callee.send('call_reject', { call_id: id });
    await becomes(id as string, (call) => call.rejected_by === '["D2"]');
    await callee.close();
    const again = await server.socket('D2', group);
    await again.request('ping');
    await again.expectNothing('call_invite');
    caller.send('call_cancel', { call_id: id });
    (await again.next('call_ended')).data.result.should.equal('cancelled');
    for (const socket of [caller, again]) await socket.close();
  });

  it('ends for both who are in it, whatever sessions their sockets are bound to', async () => {
    const other = `o${session}`;
    await server.session(other, 1, 'D1', 'P1');
    const caller = await server.socket('D1', other);
    const { call_id: id } = (await caller.request('call_invite', { session_id: session, media: 'video' }))
      .data;
    patient.send('call_accept', { call_id: id });
    await caller.next('call_accept');
    patient.send('call_hangup', { call_id: id });
    for (const socket of [caller, doctor, patient]) {
      (await socket.next('call_ended')).data.call_id.should.equal(id);
      await socket.expectNothing('call_ended', 50);
    }
    await caller.close();
  });

  it('ends when a dropped socket stays away', async () => {
    const id = await accepted();
    patient.terminate();
    await ended(id, 'completed', doctor);
  });

  it('reaches an absent patient by WeChat, named by the call, and rings when the patient comes', async () => {
    await patient.close();
    await waitUntil(
      () => !server.context.presence.isOnline('P1'),
      20_000,
      () => 'the patient is still online',
    );
    const ok = await doctor.request('call_invite', { media: 'video' });
    await wechat.waitForSends(1);
    const [notice] = wechat.sends as unknown as {
      body: { client_msg_id: string; data: { thing2: { value: string } } };
    }[];
    notice!.body.client_msg_id.should.equal(ok.data.call_id);
    notice!.body.data.thing2.value.should.equal('[视频通话]');
    patient = await server.socket('P1', session);
    (await patient.next('call_invite')).data.call_id.should.equal(ok.data.call_id);
    doctor.send('call_cancel', { call_id: ok.data.call_id });
    await ended(ok.data.call_id as string, 'cancelled');
    await new Promise((resolve) => setTimeout(resolve, 200));
    wechat.sends.should.have.length(1);
  });

  const refused: [string, string, Record<string, unknown>, string][] = [
    ['an invitation without media', 'call_invite', {}, 'validation_failed'],
    [
      'an invitation to an unknown session',
      'call_invite',
      { session_id: 'none', media: 'video' },
      'not_found',
    ],
    ['accepting an unknown call', 'call_accept', { call_id: 'none' }, 'not_found'],
    ['rejecting without an id', 'call_reject', {}, 'validation_failed'],
    ['a signal without content', 'call_signal', { call_id: 'none' }, 'validation_failed'],
    ['a signal to an unknown call', 'call_signal', { call_id: 'none', signal: 1 }, 'not_found'],
    [
      'a signal over 32 KiB',
      'call_signal',
      { call_id: 'none', signal: 'x'.repeat(32 * 1024) },
      'payload_too_large',
    ],
    ['hanging up an unknown call', 'call_hangup', { call_id: 'none' }, 'not_found'],
  ];
  for (const [title, type, data, code] of refused) {
    it(`refuses ${title}`, async () => {
      const answer = await doctor.request(type, data);
      answer.type.should.equal('error');
      answer.data.code.should.equal(code);
    });
  }

  it('refuses an outsider everything', async () => {
    await server.session(`other${sessions}`, 3, 'D2', 'D1');
    const outsider = await server.socket('D2');
    try {
      const id = await accepted();
      for (const type of ['call_accept', 'call_reject', 'call_cancel', 'call_hangup']) {
        (await outsider.request(type, { call_id: id })).data.code.should.equal('not_found');
      }
      (await outsider.request('call_signal', { call_id: id, signal: 1 })).data.code.should.equal('not_found');
      patient.send('call_hangup', { call_id: id });
      await ended(id, 'completed');
    } finally {
      await outsider.close();
    }
  });

  describe('of somebody who is removed from the session', () => {
    const removed = (user: string) =>
      server.request('delete', `/sessions/${session}/participants/${user}`).expect(204);

    it('ends while it rings, and is taken by nobody', async () => {
      const caller = await server.socket('D1');
      const id = (await caller.request('call_invite', { session_id: session, media: 'audio' })).data.call_id;
      await patient.next('call_invite');
      await removed('D1');
      const answer = await patient.request('call_accept', { call_id: id });
      should(answer.data.code).equal('not_found');
      should((await patient.next('call_ended')).data).eql({ call_id: id, result: 'cancelled', duration: 0 });
      await caller.close();
    });

    it('ends when it was taken, and carries no signal of theirs', async () => {
      await server.session(`other-${session}`, 3, 'D1', 'D2');
      const elsewhere = await server.socket('D1', `other-${session}`);
      const id = await invite();
      patient.send('call_accept', { call_id: id });
      await doctor.next('call_accept');
      await removed('D1');
      await doctor.closed;
      const answer = await elsewhere.request('call_signal', { call_id: id, signal: { sdp: 'offer' } });
      should(answer.data.code).equal('not_found');
      should((await patient.next('call_ended')).data).containEql({ call_id: id, result: 'completed' });
      await patient.expectNothing('call_signal', 50);
      await elsewhere.close();
    });
  });
});
