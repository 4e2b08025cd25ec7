import should from 'should';
import { requireOrSkip } from '../support/databases';
import { type ChatPage, until } from './support/chat-page';
import { RealServer } from './support/real-server';
import { DOCTOR, PATIENT, SESSION, Stage } from './support/stage';

describe('SDK and server', () => {
  if (!requireOrSkip('chromium')) return;
  let stage: Stage<RealServer>;

  beforeEach(async () => (stage = await Stage.on(new RealServer())));
  afterEach(() => stage.close());

  /** Waits for the first event of that name and gives its data back. */
  async function event(page: ChatPage, name: string): Promise<Record<string, unknown>> {
    await until(`the event ${name}`, async () => (await page.events(name)).length > 0);
    return (await page.events(name))[0]!;
  }

  it('do a consultation', async () => {
    await stage.doctorSays('您好', '请讲');
    const [patient, doctor] = [await stage.patient(), await stage.doctor()];
    await Promise.all([patient.connect(), doctor.connect()]);
    const { last_message_id: last, unread_count: unread } = (await patient.events('open'))[0]!;
    should(unread).equal(2);
    const { items, more } = await patient.call('history', { before: Number(last) + 1, limit: 1 });
    should([items[0].content, items[0].id, more]).deepEqual(['请讲', last, true]);
    should(await patient.call('unreadCount')).equal(2);
    await patient.call('markRead', last);
    should(await event(doctor, 'read')).deepEqual({
      session_id: SESSION,
      user_id: PATIENT.id,
      message_id: last,
    });
    should(await patient.call('unreadCount')).equal(0);

    await doctor.call('typing', true, SESSION);
    should(await event(patient, 'typing')).deepEqual({
      session_id: SESSION,
      user_id: DOCTOR.id,
      typing: true,
    });
    const topic = await doctor.call('sessions.startTopic', 'T:1', { session_id: SESSION, name: '发热三天' });
    should(topic).containDeep({ id: 'T:1', session_id: SESSION, status: 0 });
    should(await event(patient, 'topic')).containDeep({ topic: { id: 'T:1', name: '发热三天' } });
    await patient.send('<b>38.5°</b> 👩‍⚕️');
    const [own] = await patient.answered();
    should(own!.value).deepEqual((await stage.server.stored(SESSION)).at(-1));
    should((await doctor.received(1)).at(-1)).equal('<b>38.5°</b> 👩‍⚕️');
    should(await doctor.call('sessions.topicMessages', 'T:1')).containDeep({
      items: [{ type: 6 }, { type: 1 }],
    });
    should(await doctor.call('sessions.endTopic', SESSION, 'current')).containDeep({ status: 10 });
    should(await patient.call('sessions.topicEnded', SESSION, 'T:1')).containDeep({ ended: true });

    await until('the first push is acknowledged', () => stage.proxy.seen('client', 'ack').length > 0);
    for (const page of [patient, doctor]) should(await page.events('error')).deepEqual([]);
  });

  it('tell a refusal in the form of section 3', async () => {
    const page = await stage.patient();
    await page.connect();
    const problem = (await page.call('sessions.get', 'not-mine')).rejected;
    should(problem).containDeep({ status: 404, code: 'not_found' });
    should(problem.request_id).be.a.String();
    const empty = { rejected: { status: 400, code: 'validation_failed', errors: [{ path: 'content' }] } };
    should(await page.call('sessions.send', SESSION, { type: 1, content: '' })).containDeep(empty);
    await page.send({ type: 1, content: '' });
    should((await page.answered())[0]!.value).containDeep({
      code: 'validation_failed',
      errors: [{ path: 'content' }],
    });
    await page.call('markRead', 9_999_999);
    should(await event(page, 'error')).containDeep({ code: 'not_found' });
    should(await page.call('users.logout')).equal(undefined);
  });

  it('carry a call, over a connection that breaks in the middle of it', async () => {
    const [patient, doctor] = [await stage.patient(), await stage.doctor()];
    await Promise.all([patient.connect(), doctor.connect()]);
    const { call_id: id } = await patient.call('callInvite', 'video');
    should(await event(doctor, 'call_invite')).containDeep({ call_id: id, from: PATIENT.id, media: 'video' });
    await doctor.call('callAccept', id);
    should(await event(patient, 'call_accept')).deepEqual({ call_id: id, user_id: DOCTOR.id });
    await patient.call('callSignal', id, { sdp: 'offer' });
    should(await event(doctor, 'call_signal')).deepEqual({ call_id: id, signal: { sdp: 'offer' } });

    stage.proxy.cut();
    await until('both notice', async () => {
      const names = await Promise.all([patient.eventNames(), doctor.eventNames()]);
      return names.every((each) => each.includes('reconnecting'));
    });
    await patient.call('callSignal', id, { candidate: 1 });
    await doctor.call('callSignal', id, { sdp: 'answer' });
    await Promise.all([patient.reconnected(), doctor.reconnected()]);
    // Each side takes its place again with its first signal; one that comes before the other has is relayed to nobody.
    await until('a signal arrives', async () => {
      await patient.call('callSignal', id, { candidate: 2 });
      return (await doctor.events('call_signal')).some(({ signal }) => signal.candidate === 2);
    });
    await patient.call('callHangup', id);
    for (const page of [patient, doctor]) {
      should(await event(page, 'call_ended')).containDeep({ call_id: id, result: 'completed' });
      const record = (await event(page, 'message')).message;
      should(record).containDeep({
        type: 14,
        sender_id: PATIENT.id,
        content: { call_id: id, result: 'completed' },
      });
    }
    await patient.call('callHangup', id);
    should(await event(patient, 'error')).containDeep({
      code: 'not_found',
      request: 'call_hangup',
      call_id: id,
    });
  });

  const ends: [string, number, string, (page: ChatPage) => Promise<unknown>][] = [
    ['a logout', 4401, 'unauthenticated', (page) => page.call('users.logout')],
    [
      'its removal from the session',
      4404,
      'not_found',
      () =>
        stage.server.server.request('delete', `/sessions/${SESSION}/participants/${PATIENT.id}`).expect(204),
    ],
  ];
  for (const [what, close, code, end] of ends) {
    it(`end the connection after ${what}`, async () => {
      const page = await stage.patient();
      await page.connect();
      await end(page);
      should(await event(page, 'close')).containDeep({ code: close });
      should(await page.events('error')).containDeep([{ code }]);
      const again = await stage.patient();
      if (code === 'unauthenticated') await again.connect();
      else {
        await again.run('client.connect(); undefined');
        should(await event(again, 'close')).containDeep({ code: close });
      }
    });
  }

  it('take a doctor into sessions that come while the socket is open, and while it is away', async () => {
    await stage.server.addSession('old', [PATIENT, { id: 'd-2', type: 'doctor' }]);
    for (const text of ['history 1', 'history 2']) await stage.server.post('old', PATIENT.id, text);
    const page = await stage.doctor();
    await page.connect();
    await stage.server.addSession('live', [PATIENT, DOCTOR]);
    await stage.server.post('live', PATIENT.id, 'live 1');
    await page.received(1);

    stage.proxy.refusing = true;
    stage.proxy.cut();
    const add = stage.server.server.request('post', '/sessions/old/participants');
    await add.send({ participants: [{ id: DOCTOR.id }] }).expect(200);
    await stage.server.post('old', PATIENT.id, 'old 1');
    await stage.server.post('live', PATIENT.id, 'live 2');
    const topic = stage.server.server.request('post', '/sessions/t-1/topics').send({
      session_id: 'new',
      name: 'new',
      session_name: 'new',
      session_type: 1,
      participants: [{ id: PATIENT.id }, { id: DOCTOR.id }],
      messages: [{ sender_id: PATIENT.id, type: 1, content: 'new 1' }],
    });
    await topic.expect(201);
    stage.proxy.refusing = false;
    await page.online();
    await page.reconnected();
    await stage.server.post('new', PATIENT.id, 'new 2');
    await stage.server.post('old', PATIENT.id, 'old 2');
    await until('all arrive', async () => (await page.events('message')).length >= 7);
    const texts = await page.received(7);
    should(texts.filter((text) => typeof text === 'string').sort()).deepEqual([
      'live 1',
      'live 2',
      'new 1',
      'new 2',
      'old 1',
      'old 2',
    ]);
    const events = (await page.events('message')).filter(({ message }) => message.session_id === 'new');
    should(events.map(({ message }) => Number(message.type))).deepEqual([6, 1, 1]);
  });
});
