import should from 'should';
import { requireOrSkip } from '../support/databases';
import { until } from './support/chat-page';
import { RealServer } from './support/real-server';
import { SESSION, Stage } from './support/stage';

type RealStage = Stage<RealServer>;

describe('SDK and server: a connection that breaks', () => {
  if (!requireOrSkip('chromium')) return;
  let stage: RealStage;

  beforeEach(async () => (stage = await Stage.on(new RealServer())));
  afterEach(() => stage.close());

  // Each case does its harm to a connection that has received `one` and `two`; `three` to `seven` are said while it is away.
  const drops: { when: string; harm: (stage: RealStage) => void }[] = [
    { when: 'between two messages', harm: () => undefined },
    {
      when: 'before login_ok',
      harm: ({ proxy }) => {
        proxy.on('server', 'login_ok', 'cut', { times: 2 });
      },
    },
    {
      when: 'right after login_ok',
      harm: ({ proxy }) => {
        proxy.on('server', 'login_ok', 'pass-and-cut');
      },
    },
    {
      when: 'when the sync is asked for',
      harm: ({ proxy }) => {
        proxy.on('client', 'sync', 'cut');
      },
    },
    {
      when: 'in the middle of a sync',
      harm: ({ proxy }) => {
        proxy.syncLimit = 2;
        proxy.on('server', 'sync_ok', 'cut', { where: () => proxy.seen('server', 'sync_ok').length === 2 });
      },
    },
    {
      when: 'after each page of a sync',
      harm: ({ proxy }) => {
        proxy.syncLimit = 2;
        proxy.on('server', 'sync_ok', 'pass-and-cut', { times: 3 });
      },
    },
    {
      when: 'while the server can serve no sync',
      harm: ({ proxy }) => {
        proxy.on('client', 'sync', { refuse: 'unavailable' }, { times: 2 });
      },
    },
    {
      when: 'with every frame said twice',
      harm: ({ proxy }) => {
        for (const type of ['sync_ok', 'message']) proxy.on('server', type, 'twice', { times: 10 });
      },
    },
  ];
  for (const { when, harm } of drops) {
    it(`gives each message once and in order over a drop ${when}`, async () => {
      const page = await stage.patient();
      await page.connect();
      await stage.doctorSays('one', 'two');
      await page.received(2);

      harm(stage);
      stage.proxy.refusing = true;
      stage.proxy.cut();
      await stage.doctorSays('three', 'four', 'five', 'six', 'seven');
      stage.proxy.refusing = false;
      await until('all arrive', async () => {
        await page.online();
        return (await page.texts()).length >= 7;
      });
      await until('it is connected', async () => (await page.eventNames()).at(-1) !== 'reconnecting');
      await stage.doctorSays('eight');
      should(await page.received(8)).deepEqual([
        'one',
        'two',
        'three',
        'four',
        'five',
        'six',
        'seven',
        'eight',
      ]);

      const last = (await stage.server.stored(SESSION)).at(-1)!.id;
      await until('the last is acknowledged', () =>
        stage.proxy.seen('client', 'ack').some(({ message_id }) => message_id === last),
      );
    });
  }

  // What happens to `b` of `a`, `b` and `c`.
  const harms: { what: string; repeated: boolean; harm: (stage: RealStage) => void }[] = [
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
      harm: ({ proxy }: RealStage): void => {
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

  it('keeps what was sent without a connection, over three restarts of the server', async () => {
    const page = await stage.patient();
    await page.send('before the first connection');
    await page.connect();
    await page.answered();
    for (const round of ['1', '2', '3']) {
      await stage.server.stop();
      await until('the client notices', async () => (await page.eventNames()).at(-1) === 'reconnecting');
      await page.send(`while away ${round}`);
      await page.send(`and more ${round}`);
      const waiting = (await page.call('pending')) as { content: string; state: string }[];
      should(waiting.map(({ content, state }) => [content, state])).deepEqual([
        [`while away ${round}`, 'waiting'],
        [`and more ${round}`, 'waiting'],
      ]);
      stage.proxy.refusing = true;
      await stage.server.start();
      await stage.doctorSays(`from the doctor ${round}`);
      stage.proxy.refusing = false;
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
});

function textOf(data: Record<string, unknown>): string {
  return (data.message as { content: string }).content;
}
