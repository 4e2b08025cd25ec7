import should from 'should';
import { requireOrSkip } from '../support/databases';
import { gate, until } from './support/chat-page';
import { SESSION, Stage } from './support/stage';

describe('SDK: sending', () => {
  if (!requireOrSkip('chromium')) return;
  let stage: Stage;

  beforeEach(async () => (stage = await Stage.open()));
  afterEach(() => stage.close());

  it('takes its message from the sync when that is sooner than the answer to the repeat', async () => {
    const page = await stage.patient();
    await page.connect();
    const held = gate();
    stage.proxy.on('server', 'message_ok', 'cut');
    await page.send('mine');
    stage.proxy.on('server', 'message_ok', { until: held.opened });
    const [record] = await page.answered();
    should(record!.value).deepEqual((await stage.server.stored(SESSION))[0]);
    held.open();
    await stage.doctorSays('theirs');
    should(await page.received(1)).deepEqual(['theirs']);
    should(await stage.texts()).deepEqual(['mine', 'theirs']);
  });

  it('knows its message again when it is pushed, its first connection having been slow to store it', async () => {
    const page = await stage.patient();
    await page.connect();
    stage.proxy.on('client', 'message', 'cut');
    stage.proxy.on('client', 'message', 'swallow');
    await page.send('mine');
    await until('it is repeated', () => stage.proxy.seen('client', 'message').length === 2);
    const [first] = stage.proxy.seen('client', 'message');
    stage.server.push('p-1', 'message', {
      message: {
        id: 7,
        session_id: SESSION,
        sender_id: 'p-1',
        type: 1,
        content: 'mine',
        client_msg_id: first!.client_msg_id,
      },
    });
    should((await page.answered())[0]).containDeep({ state: 'stored', value: { id: 7 } });
    should(await page.events('message')).deepEqual([]);
  });

  it('syncs past its own messages when they are many, so that a drop does not bring them all again', async () => {
    const page = await stage.patient();
    await page.connect();
    for (let number = 0; number < 120; number++) await page.send(String(number));
    await page.answered();
    should(stage.proxy.seen('client', 'sync')).have.length(1);
    stage.proxy.cut();
    await page.reconnected();
    await until('it syncs', () => stage.proxy.seen('server', 'sync_ok').length === 2);
    const items = stage.proxy.seen('server', 'sync_ok').at(-1)!.items as unknown[];
    should(items.length).be.within(1, 20);
    should(await page.events('message')).deepEqual([]);
    should(await stage.texts()).deepEqual(Array.from({ length: 120 }, (_, number) => String(number)));
  });

  for (const jquery of ['jquery-1', 'jquery-3', 'jquery-4']) {
    it(`receives and sends beside ${jquery}`, async () => {
      const page = await stage.patient(jquery);
      await page.connect();
      stage.proxy.on('server', 'message_ok', 'cut');
      await page.send('mine');
      await stage.doctorSays('theirs');
      await page.received(1);
      const [record] = await page.answered();
      should(record!.value!.content).equal('mine');
      const then = await page.run<string[]>(`client.send({ type: 1, content: 'again' })
        .then(function (message) { return [message.content, typeof message.id]; })`);
      should(then).deepEqual(['again', 'number']);
      should((await stage.texts()).sort()).deepEqual(['again', 'mine', 'theirs']);
    });
  }
});
