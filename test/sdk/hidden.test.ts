import should from 'should';
import { setTimeout as delay } from 'node:timers/promises';
import { requireOrSkip } from '../support/databases';
import { type ChatPage, until } from './support/chat-page';
import { DOCTOR, PATIENT, SESSION, Stage } from './support/stage';

/** Longer than the client gathers what it acknowledges. */
const ACK_TIME_MS = 400;

describe('SDK: a page that is hidden', () => {
  if (!requireOrSkip('chromium')) return;
  let stage: Stage;

  beforeEach(async () => (stage = await Stage.open()));
  afterEach(() => stage.close());

  const turn = (page: ChatPage, state: 'hidden' | 'seen', told = true) =>
    page.run(`Object.defineProperty(document, 'hidden', { value: ${String(state === 'hidden')}, configurable: true });
      ${told ? "document.dispatchEvent(new Event('visibilitychange'));" : ''} undefined`);
  const acks = () => stage.proxy.seen('client', 'ack');
  const lastId = async (session = SESSION) => (await stage.server.stored(session)).at(-1)!.id;

  it('acknowledges nothing that is pushed, and the newest once it is seen', async () => {
    const page = await stage.patient();
    await page.connect();
    await stage.doctorSays('seen');
    await until('it is acknowledged', () => acks().length === 1);
    await turn(page, 'hidden');
    await stage.doctorSays('one', 'two', 'three');
    await page.received(4);
    await delay(ACK_TIME_MS);
    should(acks().length).equal(1);
    await turn(page, 'seen');
    await until('the newest is acknowledged', () => acks().length > 1);
    await delay(ACK_TIME_MS);
    should(acks().slice(1)).deepEqual([{ session_id: SESSION, message_id: await lastId() }]);
    await stage.doctorSays('four');
    await until('and so is what comes then', () => acks().length === 3);
  });

  it('acknowledges nothing that a resync brings, nor what it had acknowledged before the drop', async () => {
    const page = await stage.patient();
    await page.connect();
    await stage.doctorSays('seen');
    await until('it is acknowledged', () => acks().length === 1);
    await turn(page, 'hidden');
    stage.proxy.refusing = true;
    stage.proxy.cut();
    await stage.doctorSays('one', 'two');
    stage.proxy.refusing = false;
    await page.online();
    should(await page.received(3)).deepEqual(['seen', 'one', 'two']);
    await delay(ACK_TIME_MS);
    should(acks().length).equal(1);
    await turn(page, 'seen');
    await until('the newest is acknowledged', () => acks().length === 2);
    should(acks()[1]).deepEqual({ session_id: SESSION, message_id: await lastId() });
  });

  it('acknowledges nothing that came just before it was hidden', async () => {
    const page = await stage.patient();
    await page.connect();
    await page.run(
      "client.on('message', function () { Object.defineProperty(document, 'hidden', { value: true, configurable: true }); }); undefined",
    );
    await stage.doctorSays('one');
    await page.received(1);
    await delay(ACK_TIME_MS);
    should(acks()).deepEqual([]);
  });

  it('acknowledges, once seen after a drop, as soon as it is connected', async () => {
    const page = await stage.patient();
    await page.connect();
    await turn(page, 'hidden');
    await stage.doctorSays('one');
    await page.received(1);
    stage.proxy.refusing = true;
    stage.proxy.cut();
    await until('it is away', async () => (await page.events('reconnecting')).length > 0);
    await turn(page, 'seen', false);
    stage.proxy.refusing = false;
    await page.online();
    await until('it is acknowledged', () => acks().length === 1);
    should(acks()).deepEqual([{ session_id: SESSION, message_id: await lastId() }]);
  });

  it('acknowledges the newest of each session of an unbound doctor', async () => {
    const other = 'session-2';
    await stage.server.addSession(other, [PATIENT, DOCTOR]);
    const page = await stage.doctor();
    await page.connect();
    await turn(page, 'hidden');
    for (const session of [SESSION, other, SESSION, other])
      await stage.server.post(session, PATIENT.id, session);
    await page.received(4);
    await delay(ACK_TIME_MS);
    should(acks()).deepEqual([]);
    await turn(page, 'seen');
    await until('both are acknowledged', () => acks().length === 2);
    const expected = [SESSION, other].map(async (session) => ({
      session_id: session,
      message_id: await lastId(session),
    }));
    should(acks()).deepEqual(await Promise.all(expected));
  });
});
