import should from 'should';
import { toSqlTime } from '../../src/db/time';
import { requireOrSkip } from '../support/databases';
import { waitUntil } from '../support/wait-until';
import { DESK, PagesStage, pageScroll, PHONE, scrollMessages } from './stage';

const SCRIPT = '<script>window.hacked=1</script>';
const IMAGE = '<img src=x onerror="window.hacked=2">';
const URLS = [
  'javascript:window.hacked=3',
  'JaVaScRiPt:window.hacked=3',
  ' javascript:window.hacked=3',
  'java\nscript:window.hacked=3',
  'data:text/html,<script>parent.hacked=4</script>',
  'vbscript:x',
  'file:///etc/passwd',
  '//other.example/x',
  'http:javascript:window.hacked=5',
  '" onerror="window.hacked=6',
];

/** What no API takes, written by the platform past it. */
const CONTENTS: [type: number, content: unknown][] = [
  [0, SCRIPT],
  [0, { text: IMAGE }],
  [0, ['array']],
  [1, `${SCRIPT}${IMAGE}`],
  [1, { text: 'an object' }],
  [1, null],
  [1, '\u202Eright to left\u202C {{constructor.constructor("hacked=7")()}} <%= 7 %> ${hacked}'],
  ...[2, 3, 4, 5, 9, 12].flatMap((type): [number, unknown][] => [
    ...URLS.map((url): [number, unknown] => [
      type,
      {
        url,
        thumbnail: url,
        image: url,
        cover: url,
        title: IMAGE,
        summary: SCRIPT,
        duration: IMAGE,
        width: IMAGE,
      },
    ]),
    [type, 'a string'],
    [type, null],
    [type, JSON.parse('{"__proto__":{"url":"javascript:window.hacked=8"},"constructor":1}')],
  ]),
  [6, { topic_id: 'x', name: IMAGE }],
  [7, { topic_id: 'x', name: { toString: 1 } }],
  [8, { message: { type: 5, sender_name: IMAGE, content: { url: URLS[0], title: SCRIPT } } }],
  [8, { message: null }],
  [10, IMAGE],
  [14, { result: '__proto__', duration: IMAGE }],
  [14, { result: IMAGE, duration: -1 }],
  [99, IMAGE],
];

describe('Hostile contents in the pages', function () {
  this.timeout(30_000);
  let stage: PagesStage;
  if (!requireOrSkip('chromium')) return;

  before(async () => {
    stage = await PagesStage.open();
    const { server } = stage;
    const profiles: [id: string, type: string, name: string][] = [
      ['__proto__', 'doctor', IMAGE],
      ['constructor', 'doctor', SCRIPT],
      ['P-hostile', 'patient', `"><svg onload=window.hacked=9>`],
    ];
    for (const [id, type, name] of profiles) {
      await server.request('put', `/users/${id}`).send({ type, name }).expect(201);
    }
    const db = server.context.database.kysely;
    await db.updateTable('doctors').set({ avatar: URLS[0] }).where('id', '=', '__proto__').execute();
    await db.updateTable('patients').set({ avatar: `x" onerror="window.hacked=1` }).execute();
    for (const id of ['__proto__', 'hostile']) {
      const participants = profiles.map(([user]) => ({ id: user }));
      await server
        .request('post', '/sessions')
        .send({ id, type: 1, name: `${id} ${IMAGE}`, participants })
        .expect(201);
    }
    await server
      .request('post', '/sessions/toString/topics')
      .send({ session_id: 'hostile', user_id: '__proto__', name: SCRIPT, description: IMAGE })
      .expect(201);
    const begin = Date.now() + 1_000;
    await db
      .insertInto('muc_messages')
      .values(
        CONTENTS.map(([type, content], index) => ({
          session_id: 'hostile',
          sender_id: index % 3 === 0 ? '__proto__' : index % 3 === 1 ? 'P-hostile' : 'gone <b>',
          sender_name: IMAGE,
          type,
          content: JSON.stringify(content),
          timestamp: toSqlTime(begin + index),
          client_msg_id: null,
          client_key: null,
        })),
      )
      .execute();
    const last = await db
      .selectFrom('muc_messages')
      .select((eb) => eb.fn.max('id').as('id'))
      .executeTakeFirstOrThrow();
    await db
      .updateTable('sessions')
      .set({
        last_message_id: last.id,
        last_content: JSON.stringify(IMAGE),
        last_content_type: 1,
        last_sender_name: SCRIPT,
        last_message_time: toSqlTime(begin + CONTENTS.length),
        clock_time: toSqlTime(begin + CONTENTS.length),
      })
      .where('id', '=', 'hostile')
      .execute();
  });
  // Pictures with addresses that lead nowhere may fail to load; nothing else may happen.
  afterEach(() => stage.closePages(/^error: Failed to load resource/));
  after(() => stage.stop());

  const pages: [path: string, width: number][] = [
    ['/demo/patient?user=P-hostile&session=hostile', PHONE.width],
    ['/demo/doctor?user=__proto__#hostile', DESK.width],
  ];
  for (const [path, width] of pages) {
    it(`stay text and checked addresses in ${path}`, async () => {
      const page = await stage.page(path, { viewport: { width, height: 844 } });
      await page.locator('[data-id]').first().waitFor();
      // Loads all of it, and so draws all of it.
      const drawn = () => page.locator('[data-id]').count();
      await waitUntil(
        async () => {
          for (const top of ['0', '1e6']) await scrollMessages(page, top);
          return (await drawn()) > CONTENTS.length;
        },
        15_000,
        () => 'all is drawn',
      );
      (await drawn()).should.equal(CONTENTS.length + 1);
      for (const voice of (await page.locator('.voice').all()).slice(0, 2)) await voice.click();
      const found = await page.evaluate<Record<string, unknown>>(`({
        hacked: typeof window.hacked,
        polluted: typeof ({}).url,
        scripts: [...document.scripts].filter((each) => !each.src.startsWith(location.origin + '/')).length,
        handlers: [...document.querySelectorAll('*')].filter((each) =>
          [...each.attributes].some(({ name }) => /^on/i.test(name) || name === 'style')
            && each.id !== 'text' && !each.closest('textarea')).length,
        addresses: [...document.querySelectorAll('[href], [src], [poster]')]
          .flatMap((each) => [each.getAttribute('href'), each.getAttribute('src'), each.getAttribute('poster')])
          .filter((each) => each !== null && !/^(https?:)?\\//i.test(each)),
        elements: document.querySelectorAll('.text script, .text img, .text svg, .text b, b, iframe, object, embed').length,
      })`);
      should(found).eql({
        hacked: 'undefined',
        polluted: 'undefined',
        scripts: 0,
        handlers: 0,
        addresses: [],
        elements: 0,
      });
      const texts = await page.locator('.text').allTextContents();
      texts.should.containEql(`${SCRIPT}${IMAGE}`);
      (await page.locator('.bar-title').textContent())!.should.equal(`hostile ${IMAGE}`);
      (await page.locator('#topic .topic-name').textContent())!.should.equal(SCRIPT);
      should(await pageScroll(page)).eql({ sideways: 0, down: 0 });
    });
  }

  it('work with ids that are names of every object', async () => {
    const doctor = await stage.page('/demo/doctor?user=__proto__#__proto__', { viewport: DESK });
    const patient = await stage.page('/demo/patient?user=P-hostile&session=__proto__');
    await doctor.locator('#text:enabled').fill(SCRIPT);
    await doctor.locator('#text').press('Enter');
    await patient.locator('.text', { hasText: SCRIPT }).waitFor();
    await doctor.locator('.receipt', { hasText: '1人已读' }).waitFor();
    await doctor.locator('[data-session="__proto__"]').waitFor();
    await doctor.locator('#text').pressSequentially('x');
    await patient.locator('.bar-subtitle.typing', { hasText: '<img src=x' }).waitFor();
    (await doctor.evaluate<string>('typeof window.hacked')).should.equal('undefined');
  });

  it('are not run from the address of a page either', async () => {
    const attack = encodeURIComponent(`"><img src=x onerror=window.hacked=1>`);
    const page = await stage.page(`/demo/patient?user=${attack}&session=${attack}`);
    await page.locator('#banner', { hasText: '登录失败' }).waitFor();
    const doctor = await stage.page(`/demo/doctor#${attack}`, { viewport: DESK });
    await doctor.locator('.toast', { hasText: '会话打不开' }).waitFor();
    for (const each of [page, doctor]) {
      (await each.evaluate<string>('typeof window.hacked')).should.equal('undefined');
    }
  });
});
