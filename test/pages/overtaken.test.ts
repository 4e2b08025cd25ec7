import { type Locator, type Page } from 'playwright-core';
import should from 'should';
import { requireOrSkip } from '../support/databases';
import { waitUntil } from '../support/wait-until';
import { atRest, DESK, PagesStage, taken } from './stage';

type Body = Record<string, unknown>;

interface Case {
  what: string;
  session?: string;
  pattern: RegExp;
  /** What the answer that comes late tells, made of what it told in time. */
  old(body: Body): Body;
  /** Makes the page ask, for the `n`-th time: 1 or 2. */
  ask(n: number, page: Page): Promise<unknown>;
  /** What the page shows by the second answer. */
  right(page: Page): Locator;
}

describe('The demo pages, when an answer overtakes an older one', function () {
  this.timeout(30_000);
  let stage: PagesStage;
  if (!requireOrSkip('chromium')) return;

  before(async () => {
    stage = await PagesStage.open();
  });
  afterEach(() => stage.closePages());
  after(() => stage.stop());

  const rename = (n: number) =>
    stage.server
      .request('put', '/sessions/topics/demo-topic-pressure')
      .send({ name: n === 1 ? '先改的' : '后改的' })
      .expect(200);

  const write = (session: string, text: string) => stage.server.send(session, 'demo-manager', text);

  /** A session of the doctor and the manager, who has written `count` messages there. */
  const written = async (id: string, count: number) => {
    await stage.server
      .request('post', '/sessions')
      .send({ id, type: 3, name: id, participants: [{ id: 'demo-doctor' }, { id: 'demo-manager' }] })
      .expect(201);
    for (let n = 1; n <= count; n += 1) await write(id, `第${n}条。`);
  };

  /** The doctor has read up to that message, on another device. */
  const readElsewhere = async (session: string, id: number) => {
    const socket = await stage.server.socket('demo-doctor');
    socket.send('read', { session_id: session, message_id: id });
    await waitUntil(
      async () => {
        const path = `/sessions/${session}/messages/unread?user_id=demo-doctor&limit=1`;
        const { body } = await stage.server.request('get', path).expect(200);
        return ((body as { items: { id: number }[] }).items[0]?.id ?? Infinity) > id;
      },
      20_000,
      () => 'it is read',
    );
    await socket.close();
  };

  const reconnect = () => {
    for (const each of [...stage.server.context.sockets.ofUser('demo-doctor')]) each.close(1012, 'a test');
    return Promise.resolve();
  };

  /** Of the messages that a case writes before it begins. */
  let ids: number[] = [];

  const takeBack = (session: string, id: number) =>
    stage.server
      .request('delete', `/sessions/${session}/messages/${id}?user_id=demo-manager`)
      .expect((answer) => should(answer.status).be.below(300));

  const cases: Case[] = [
    {
      what: 'the consultations beside a conversation',
      pattern: /\/sessions\/topics\?.*limit=20$/,
      old: (body) => body,
      ask: rename,
      right: (page) => page.locator('.details .topic-item', { hasText: '后改的' }).first(),
    },
    {
      what: 'how many wait for a reply',
      pattern: /\/count\/reply/,
      old: (body) => ({ ...body, unreplied: 77 }),
      ask: rename,
      right: (page) => page.locator('#count-waiting', { hasText: /^(?!77)/ }),
    },
    {
      what: 'who is there',
      pattern: /\/users\/demo-manager\/status/,
      old: (body) => ({ ...body, online: true }),
      ask: (n) => write('demo-team', `第${n}次`),
      right: (page) =>
        page.locator('.person', { hasText: '陈静' }).locator('.presence', { hasText: '最近活跃' }),
    },
    {
      what: 'the sessions',
      pattern: /\/sessions\?.*limit=200/,
      old: (body) => ({ ...body, items: [] }),
      ask: (n) => written(`list-${n}`, 1),
      right: (page) => page.locator('[data-session="list-2"]'),
    },
    {
      what: 'how the consultations of the sessions stand',
      pattern: /\/sessions\/topics\?.*limit=200/,
      old: (body) => ({ ...body, items: [] }),
      ask: (n) => written(`state-${n}`, 1),
      right: (page) => page.locator('[data-session="demo-team"] .badge'),
    },
    {
      what: 'how much is unread in another session',
      pattern: /\/sessions\/demo-group\/unread_message_count/,
      old: (body) => ({ ...body, count: 9 }),
      ask: async (n) => readElsewhere('demo-group', (await write('demo-group', `第${n}次`)).id),
      right: (page) => page.locator('[data-session="demo-group"]:not(:has(.unread))'),
    },
    {
      what: 'what was said last in another session',
      pattern: /\/sessions\/demo-group(\/session)?(\?|$)/,
      old: (body) => body,
      ask: async (n) => takeBack('demo-group', ids[n - 1]!),
      right: (page) => page.locator('[data-session="demo-group"]', { hasText: '消息已撤回' }),
    },
    {
      what: 'the session that is open',
      pattern: /\/sessions\/demo-team(\/session)?(\?|$)/,
      old: (body) => ({ ...body, name: '旧的名字' }),
      ask: reconnect,
      right: (page) => page.locator('.bar-title', { hasText: /^(?!旧的名字)/ }),
    },
    {
      what: 'the consultation that is open',
      pattern: /\/sessions\/topics\?.*limit=50$/,
      old: (body) => ({ ...body, items: [] }),
      ask: reconnect,
      right: (page) => page.locator('#topic .topic-open-record'),
    },
    {
      what: 'how much is unread in the session that is open',
      session: 'far',
      pattern: /\/sessions\/far\/unread_message_count/,
      old: (body) => ({ ...body, count: 77 }),
      ask: (n) => readElsewhere('far', ids[n === 1 ? 99 : 109]!),
      right: (page) => page.locator('.jump', { hasText: '新消息 ↓ 10' }),
    },
  ];

  before(async () => {
    await written('far', 0);
  });

  for (const each of cases) {
    it(`show the newer one: ${each.what}`, async () => {
      const session = each.session ?? 'demo-team';
      ids = [];
      const texts = session === 'far' ? 120 : 2;
      for (let n = 1; n <= texts; n += 1)
        ids.push((await write(session === 'far' ? 'far' : 'demo-group', `第${n}条`)).id);
      const doctor = await stage.page(`/demo/doctor#${session}`, { viewport: DESK });
      await doctor.locator('.details .person').first().waitFor();
      await atRest(doctor);
      let release!: () => void;
      const released = new Promise<void>((resolve) => (release = resolve));
      let late = '';
      await doctor.route(
        each.pattern,
        async (route) => {
          const response = await route.fetch();
          const body = (await response.json()) as Body;
          late = route.request().url();
          await released;
          await route.fulfill({ response, json: each.old(body) });
        },
        { times: 1 },
      );
      await each.ask(1, doctor);
      await waitUntil(
        () => late !== '',
        20_000,
        () => 'the first answer is held',
      );
      const newer = doctor.waitForResponse(each.pattern);
      await each.ask(2, doctor);
      await taken(doctor, newer);
      await each.right(doctor).waitFor();
      const older = doctor.waitForResponse(late);
      release();
      await taken(doctor, older);
      // The list of sessions is drawn a few times a second.
      await doctor.waitForTimeout(150);
      (await each.right(doctor).count()).should.equal(1);
    });
  }
});
