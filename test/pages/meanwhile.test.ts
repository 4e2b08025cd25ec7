import { type Page, type Response } from 'playwright-core';
import should from 'should';
import { requireOrSkip } from '../support/databases';
import { waitUntil } from '../support/wait-until';
import { atRest, bubble, DESK, HEARD, PagesStage, say, scrollMessages } from './stage';

const TOPIC = 'demo-topic-pressure';

/** Holds requests for `pattern` back. `release()` lets them go on, and all later ones. */
async function hold(page: Page, pattern: RegExp) {
  let release!: () => void;
  let held = 0;
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route(pattern, async (route) => {
    held += 1;
    await released;
    await route.continue();
  });
  const isAsked = () =>
    waitUntil(
      () => held > 0,
      8_000,
      () => `a request for ${String(pattern)} is held`,
    );
  return { isAsked, release };
}

/** Waits until the page has that answer, and has drawn what follows from it. */
async function taken(page: Page, answer: Promise<Response>): Promise<void> {
  await (await answer).finished();
  await page.evaluate(HEARD);
}

describe('The demo pages, when something else happens meanwhile', function () {
  this.timeout(30_000);
  let stage: PagesStage;
  if (!requireOrSkip('chromium')) return;

  before(async () => {
    stage = await PagesStage.open();
  });
  afterEach(() => stage.closePages());
  after(() => stage.stop());

  /** A session of the doctor and the manager, who has written `count` messages there; the doctor has read them, or not. */
  const written = async (id: string, count: number, isRead: boolean) => {
    await stage.server
      .request('post', '/sessions')
      .send({ id, type: 3, name: id, participants: [{ id: 'demo-doctor' }, { id: 'demo-manager' }] })
      .expect(201);
    for (let n = 1; n <= count; n += 1) await stage.server.send(id, 'demo-manager', `第${n}条。`);
    if (isRead)
      await stage.server.request('get', `/sessions/${id}/messages?user_id=demo-doctor&limit=1`).expect(200);
  };

  const rename = (name: string) =>
    stage.server.request('put', `/sessions/topics/${TOPIC}`).send({ name }).expect(200);

  it('keep a menu open, beside its message, until that is out of sight', async () => {
    await written('menu', 40, true);
    const doctor = await stage.page('/demo/doctor#menu', { viewport: DESK });
    await bubble(doctor, '第40条。').waitFor();
    await atRest(doctor);
    const menu = doctor.getByRole('menu');
    const gap = async () => {
      const above = (await menu.boundingBox())!;
      return (await bubble(doctor, '第35条。').locator('.bubble').boundingBox())!.y - above.y - above.height;
    };
    await bubble(doctor, '第35条。').locator('.bubble').click({ button: 'right' });
    await menu.waitFor();
    const before = await gap();
    const top = (await menu.boundingBox())!.y;
    await stage.server.send('menu', 'demo-manager', '又来一条');
    await bubble(doctor, '又来一条').waitFor();
    await doctor.evaluate(HEARD);
    (await menu.count()).should.equal(1);
    (await menu.boundingBox())!.y.should.be.below(top);
    should(await gap()).be.approximately(before, 1);
    await scrollMessages(doctor, '0');
    await menu.waitFor({ state: 'detached' });
  });

  it('lead to a message that was asked for while others were loading', async () => {
    await written('asked', 130, true);
    const doctor = await stage.page('/demo/doctor#asked', { viewport: DESK });
    await bubble(doctor, '第130条。').waitFor();
    await atRest(doctor);
    const older = await hold(doctor, /\/messages\?.*before=/);
    await scrollMessages(doctor, '0');
    await older.isAsked();
    await doctor.locator('#find').click();
    await doctor.keyboard.type('第5条。');
    await doctor.locator('.hit', { hasText: '第5条。' }).click();
    older.release();
    await doctor.locator('.message.found', { hasText: '第5条。' }).waitFor();
  });

  it('pull no reader back to what is new who has read on', async () => {
    await written('read-on', 60, true);
    for (let n = 61; n <= 120; n += 1) await stage.server.send('read-on', 'demo-manager', `第${n}条。`);
    const doctor = await stage.page('/demo/doctor', { viewport: DESK });
    await doctor.locator('[data-session="read-on"]').waitFor();
    // What stands above comes late.
    await doctor.route(/\/messages\?.*before=/, async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      await route.continue();
    });
    await doctor.locator('[data-session="read-on"]').click();
    await bubble(doctor, '第61条。').waitFor();
    await scrollMessages(doctor, 'list.scrollTop + 700');
    const top = async () => (await bubble(doctor, '第75条。').boundingBox())!.y;
    const before = await top();
    await bubble(doctor, '第60条。').waitFor({ state: 'attached' });
    await atRest(doctor);
    should(await top()).be.approximately(before, 2);
  });

  it('show one’s own message all the time, stored while others are loading', async () => {
    await written('own', 130, true);
    const doctor = await stage.page('/demo/doctor', { viewport: DESK });
    await doctor.locator('[data-session="own"]').waitFor();
    const first = await hold(doctor, /\/own\/messages\?/);
    await doctor.locator('[data-session="own"]').click();
    await first.isAsked();
    const stays = async (text: string, release: () => void) => {
      await say(doctor, text);
      await doctor.locator('.message.mine:not(.pending)', { hasText: text }).waitFor({ timeout: 4_000 });
      release();
      // As all others: with its receipt.
      await bubble(doctor, text).locator('.receipt', { hasText: '未读' }).waitFor();
      (await bubble(doctor, text).count()).should.equal(1);
    };
    await stays('还没加载完', first.release);

    // The same where the end of the list is not the session's.
    await doctor.locator('#find').click();
    await doctor.keyboard.type('第5条。');
    await doctor.locator('.hit', { hasText: '第5条。' }).click();
    await doctor.locator('.message.found', { hasText: '第5条。' }).waitFor();
    await atRest(doctor);
    const newest = await hold(doctor, /\/own\/messages\?/);
    await stays('从前面发的', newest.release);
    // What was in its place once is not shown at the end again.
    await doctor.locator('#find').click();
    await doctor.keyboard.type('第5条。');
    await doctor.locator('.hit', { hasText: '第5条。' }).click();
    await doctor.locator('.message.found', { hasText: '第5条。' }).waitFor();
    (await bubble(doctor, '从前面发的').count()).should.equal(0);
  });

  it('name another session as soon as they know who takes part', async () => {
    const patient = await stage.page('/');
    const members = await hold(patient, /\/sessions\/demo-expert\/participants/);
    await patient.goto(`${stage.server.url}/demo/patient?session=demo-team`);
    await members.isAsked();
    await atRest(patient);
    await stage.server.send('demo-expert', 'demo-specialist', '请周五来复查');
    await patient.locator('#elsewhere', { hasText: '请周五来复查' }).waitFor();
    (await patient.locator('#elsewhere strong').textContent())!.should.not.equal('周明远');
    members.release();
    await patient.locator('#elsewhere strong', { hasText: /^周明远$/ }).waitFor();
  });

  it('show no older answer after a newer one', async () => {
    const doctor = await stage.page('/demo/doctor#demo-team', { viewport: DESK });
    await doctor.locator('.details .topic-item').first().waitFor();
    await atRest(doctor);
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    const held: string[] = [];
    /** The first answer comes when it is let go, and tells what was so before. */
    const late = (pattern: RegExp, old: (body: Record<string, unknown>) => unknown) =>
      doctor.route(
        pattern,
        async (route) => {
          const response = await route.fetch();
          held.push(route.request().url());
          const body = (await response.json()) as Record<string, unknown>;
          await released;
          await route.fulfill({ response, json: old(body) });
        },
        { times: 1 },
      );
    await late(/\/sessions\/topics\?.*limit=20/, (body) => body);
    await late(/\/count\/reply/, (body) => ({ ...body, unreplied: 77 }));
    await rename('先改的');
    await waitUntil(
      () => held.length === 2,
      5_000,
      () => 'both answers are held',
    );
    await rename('后改的');
    await doctor.locator('.details .topic-item', { hasText: '后改的' }).waitFor();
    const answers = held.map((url) => doctor.waitForResponse(url));
    release();
    for (const answer of answers) await taken(doctor, answer);
    (await doctor.locator('.details .topic-item').first().textContent())!.should.containEql('后改的');
    (await doctor.locator('#count-waiting').textContent())!.should.not.equal('77');
  });

  it('take a click on a consultation also when it changes meanwhile', async () => {
    const doctor = await stage.page('/demo/doctor#demo-team', { viewport: DESK });
    const entry = doctor.locator('.details .topic-item').first();
    await entry.waitFor();
    await atRest(doctor);
    await entry.hover();
    await doctor.mouse.down();
    const answer = doctor.waitForResponse(/\/sessions\/topics\?.*limit=20/);
    await rename('按下时改的');
    await taken(doctor, answer);
    await doctor.mouse.up();
    await doctor.locator('.dialog .record').waitFor();
    await doctor.keyboard.press('Escape');
    await entry.filter({ hasText: '按下时改的' }).waitFor();
  });
});
