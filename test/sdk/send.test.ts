import { type Browser } from 'playwright-core';
import should from 'should';
import { gate, launchBrowser, until } from './support/chat-page';
import { SESSION, Stage } from './support/stage';

describe('SDK: sending', () => {
  let browser: Browser;
  let stage: Stage;

  before(async () => (browser = await launchBrowser()));
  after(() => browser.close());
  beforeEach(async () => (stage = await Stage.open(browser)));
  afterEach(() => stage.close());

  // What happens to `b` of `a`, `b` and `c`.
  const harms: { what: string; repeated: boolean; harm: (stage: Stage) => void }[] = [
    { what: 'nothing happens', repeated: false, harm: () => undefined },
    {
      what: 'the connection breaks before the commit',
      repeated: true,
      harm: ({ proxy }) => {
        proxy.on('client', 'message', 'cut', { where: ({ data }) => data.content === 'b', times: 2 });
      },
    },
    {
      what: 'the connection breaks between commit and message_ok',
      repeated: true,
      harm: ({ proxy }) => {
        proxy.on('server', 'message_ok', 'cut', { where: ({ data }) => textOf(data) === 'b' });
      },
    },
    {
      what: 'the connection breaks right after it leaves',
      repeated: true,
      harm: ({ proxy }) => {
        proxy.on('client', 'message', 'pass-and-cut', { where: ({ data }) => data.content === 'b' });
      },
    },
    {
      what: 'the connection breaks right after message_ok',
      repeated: false,
      harm: ({ proxy }) => {
        proxy.on('server', 'message_ok', 'pass-and-cut', { where: ({ data }) => textOf(data) === 'b' });
      },
    },
    {
      what: 'message_ok comes twice',
      repeated: false,
      harm: ({ proxy }) => {
        proxy.on('server', 'message_ok', 'twice', { where: ({ data }) => textOf(data) === 'b' });
      },
    },
    ...['rate_limited', 'unavailable', 'internal'].map((code) => ({
      what: `the server says ${code}`,
      repeated: true,
      harm: ({ proxy }: Stage): void => {
        proxy.on(
          'client',
          'message',
          { refuse: code },
          { where: ({ data }) => data.content === 'b', times: 2 },
        );
      },
    })),
  ];
  for (const { what, repeated, harm } of harms) {
    it(`stores each message once and in order when ${what}`, async () => {
      const page = await stage.patient();
      await page.connect();
      harm(stage);
      for (const text of ['a', 'b', 'c']) await page.send(text);
      const records = await page.answered();
      const stored = await stage.server.stored(SESSION);
      should(stored.map(({ content }) => content)).deepEqual(['a', 'b', 'c']);
      should(records.map(({ value }) => value)).deepEqual(stored);
      should(await page.events('message')).deepEqual([]);
      should(await page.events('error')).deepEqual([]);
      should(await page.call('pending')).deepEqual([]);

      const ids = stage.proxy
        .seen('client', 'message')
        .map(({ content, client_msg_id }) => [content, client_msg_id]);
      should(new Set(ids.map(String)).size).equal(3);
      if (repeated) should(ids.filter(([content]) => content === 'b').length).be.above(1);
      else should(ids).have.length(3);
    });
  }

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

  it('keeps what was sent without a connection, over three restarts of the server', async () => {
    const page = await stage.patient();
    await page.send('before the first connection');
    await page.connect();
    for (const round of ['1', '2', '3']) {
      await stage.server.stop();
      await page.send(`while away ${round}`);
      await page.send(`and more ${round}`);
      const waiting = (await page.call('pending')) as { content: string; state: string }[];
      should(waiting.map(({ content, state }) => [content, state])).deepEqual([
        [`while away ${round}`, 'waiting'],
        [`and more ${round}`, 'waiting'],
      ]);
      await stage.doctorSays(`from the doctor ${round}`);
      await stage.server.start();
      await page.online();
      await page.answered();
      await page.received(Number(round));
    }
    const mine = ['1', '2', '3'].flatMap((round) => [`while away ${round}`, `and more ${round}`]);
    const all = await stage.texts();
    should(all.filter((text) => !String(text).startsWith('from'))).deepEqual([
      'before the first connection',
      ...mine,
    ]);
    should(await page.texts()).deepEqual(['1', '2', '3'].map((round) => `from the doctor ${round}`));
    should((await page.events('reconnecting'))[0]).containDeep({ attempt: 1, code: 1012 });
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

function textOf(data: Record<string, unknown>): string {
  return (data.message as { content: string }).content;
}
