import should from 'should';
import { requireOrSkip } from '../support/databases';
import { gate, until } from './support/chat-page';
import { DOCTOR, PATIENT, SESSION, Stage } from './support/stage';

describe('SDK: receiving', () => {
  if (!requireOrSkip('chromium')) return;
  let stage: Stage;

  beforeEach(async () => (stage = await Stage.open()));
  afterEach(() => stage.close());

  it('begins with what comes after the login; history() has the rest and marks nothing', async () => {
    await stage.doctorSays('old 1', 'old 2', 'old 3');
    const page = await stage.patient();
    await page.connect();
    await stage.doctorSays('new 1', 'new 2');
    should(await page.received(2)).deepEqual(['new 1', 'new 2']);

    const [open] = await page.events('open');
    should(open).containDeep({ user_id: PATIENT.id, session_id: SESSION, heartbeat_interval_ms: 30_000 });
    const before = Number(open!.last_message_id) + 1;
    const { items, more } = await page.call('history', { before, limit: 2 });
    should([items.map((item: { content: string }) => item.content), more]).deepEqual([
      ['old 2', 'old 3'],
      true,
    ]);
    should(stage.server.readUpTo(SESSION, PATIENT.id)).equal(0);
    should(await page.call('unreadCount')).equal(5);
  });

  it('puts live messages behind the sync that is under way, and acknowledges nothing it has not passed on', async () => {
    const page = await stage.patient();
    await page.connect();
    await stage.doctorSays('one');
    await page.received(1);
    await until('it is acknowledged', () => stage.proxy.seen('client', 'ack').length === 1);
    const held = gate();
    stage.proxy.syncLimit = 1;
    stage.proxy.refusing = true;
    stage.proxy.cut();
    await stage.doctorSays('two', 'three');
    stage.proxy.on('server', 'sync_ok', { until: held.opened });
    stage.proxy.refusing = false;
    await page.online();
    await until('the sync is asked for', () => stage.proxy.seen('client', 'sync').length === 1);
    await stage.doctorSays('four', 'five');
    await until('both are pushed', () => stage.proxy.seen('server', 'message').length === 3);
    const first = (await stage.server.stored(SESSION))[0]!.id;
    await until('the first is acknowledged again', () => stage.proxy.seen('client', 'ack').length === 2);
    should(await page.texts()).deepEqual(['one']);
    should(stage.proxy.seen('client', 'ack').map(({ message_id }) => message_id)).matchEach(first);

    held.open();
    should(await page.received(5)).deepEqual(['one', 'two', 'three', 'four', 'five']);
  });

  for (const dropped of [false, true]) {
    const how = dropped ? 'comes by sync after a drop' : 'is pushed late';
    it(`misses no message below one of its own that was confirmed first, and ${how}`, async () => {
      const page = await stage.patient();
      await page.connect();
      const late = gate();
      stage.proxy.on('server', 'message', dropped ? 'swallow' : { until: late.opened });
      await stage.doctorSays('six');
      await page.send('seven');
      const [own] = await page.answered();
      should(own).containDeep({ state: 'stored', value: { content: 'seven' } });
      if (dropped) {
        stage.proxy.cut();
        await page.reconnected();
      } else late.open();
      should(await page.received(1)).deepEqual(['six']);
      await stage.doctorSays('eight');
      should(await page.received(2)).deepEqual(['six', 'eight']);
    });
  }

  it('gives a message that is pushed before login_ok', async () => {
    const page = await stage.patient();
    const held = gate();
    stage.proxy.on('server', 'login_ok', { until: held.opened });
    await page.run('client.connect(); undefined');
    await until('the server logs it in', () => stage.proxy.seen('server', 'login_ok').length === 1);
    await stage.doctorSays('early');
    await until('it is pushed', () => stage.proxy.seen('server', 'message').length === 1);
    held.open();
    should(await page.received(1)).deepEqual(['early']);
  });

  it('asks for nothing when nothing was missed', async () => {
    const page = await stage.patient();
    await page.connect();
    await stage.doctorSays('one');
    await page.received(1);
    stage.proxy.cut();
    await page.reconnected();
    await stage.doctorSays('two');
    should(await page.received(2)).deepEqual(['one', 'two']);
    should(stage.proxy.seen('client', 'sync')).deepEqual([]);
  });

  it('gives two tabs the same messages, and what one sends to the other alone', async () => {
    const [left, right] = [await stage.patient(), await stage.patient()];
    await Promise.all([left.connect(), right.connect()]);
    await stage.doctorSays('hello');
    await left.received(1);
    await left.send('from the left');
    await left.answered();
    stage.proxy.cut();
    await right.send('from the right');
    await Promise.all([left.reconnected(), right.reconnected()]);
    await right.answered();
    should(await left.received(2)).deepEqual(['hello', 'from the right']);
    should(await right.received(2)).deepEqual(['hello', 'from the left']);
    should(await stage.texts()).deepEqual(['hello', 'from the left', 'from the right']);
  });

  it('goes on where it was after close() and connect(), also from within a handler', async () => {
    const page = await stage.patient();
    await page.connect();
    await page.run(`client.on('message', function (data) {
      if (data.message.content === 'two') client.close();
    }); undefined`);
    stage.proxy.refusing = true;
    stage.proxy.cut();
    await stage.doctorSays('one', 'two', 'three');
    stage.proxy.refusing = false;
    should(await page.received(2)).deepEqual(['one', 'two']);
    should((await page.eventNames()).at(-1)).equal('close');
    await stage.doctorSays('four');
    await page.connect();
    should(await page.received(4)).deepEqual(['one', 'two', 'three', 'four']);
  });

  it('passes on what else is pushed, as it is', async () => {
    const other = 'session-2';
    await stage.server.addSession(other, [PATIENT, DOCTOR]);
    const page = await stage.patient();
    await page.connect();
    const pushed: Record<string, object> = {
      read: { session_id: SESSION, user_id: DOCTOR.id, message_id: 5 },
      typing: { session_id: SESSION, user_id: DOCTOR.id, typing: true },
      topic: { topic: { id: 't-1', status: 0 } },
      topic_overdue: { topic: { id: 't-1', status: 0 } },
      participants: { session_id: SESSION, items: [] },
      call_invite: { call_id: 'c-1', session_id: SESSION, from: DOCTOR.id, media: 'video', ice_servers: [] },
      call_ended: { call_id: 'c-1', result: 'missed', duration: 0 },
    };
    stage.server.push(PATIENT.id, 'of_a_later_version', {});
    for (const [type, data] of Object.entries(pushed)) stage.server.push(PATIENT.id, type, data);
    await stage.server.post(other, DOCTOR.id, 'elsewhere');
    await until('the notification arrives', async () => (await page.events('notification')).length === 1);
    for (const [type, data] of Object.entries(pushed)) should(await page.events(type)).deepEqual([data]);
    should((await page.events('notification'))[0]).containDeep({
      session_id: other,
      message: { content: 'elsewhere' },
    });
    should(await page.events('message')).deepEqual([]);
  });

  it('outlives handlers that throw, and hides nothing of it', async () => {
    const page = await stage.patient();
    await page.run(`client.on('message', function () { throw new Error('thrown by the page') });
      client.on('message', function (data) { page.second = data.message.content; }); undefined`);
    await page.connect();
    await stage.doctorSays('one', 'two');
    should(await page.received(2)).deepEqual(['one', 'two']);
    should(await page.run('page.second')).equal('two');
    should(page.errors.splice(0)).deepEqual(['thrown by the page', 'thrown by the page']);
  });

  it('takes handlers off', async () => {
    const page = await stage.patient();
    await page.run(`page.count = 0; page.more = function () { page.count++; };
      client.on('message', page.more).on('message', page.more).off('message', function () {}); undefined`);
    await page.connect();
    await stage.doctorSays('one');
    await page.received(1);
    should(await page.run('page.count')).equal(2);
    await page.run("client.off('message', page.more); undefined");
    await stage.doctorSays('two');
    await page.received(2);
    should(await page.run('page.count')).equal(2);
  });
});
