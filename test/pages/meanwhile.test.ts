import { type Page } from 'playwright-core';
import should from 'should';
import { requireOrSkip } from '../support/databases';
import { waitUntil } from '../support/wait-until';
import { atRest, bubble, DESK, HEARD, PagesStage, say, scrollMessages, taken } from './stage';

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
      20_000,
      () => `a request for ${String(pattern)} is held`,
    );
  return { isAsked, release };
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

  it('name who calls as soon as they know who takes part', async () => {
    const doctor = await stage.page('/demo/doctor?user=demo-specialist#demo-expert', { viewport: DESK });
    await atRest(doctor);
    const patient = await stage.page('/');
    const called = async (session: string, pattern: RegExp, name: string) => {
      const names = await hold(patient, pattern);
      await patient.goto(`${stage.server.url}/demo/patient?session=${session}`);
      await names.isAsked();
      await doctor.locator('#call').click();
      const isTitled = (text: string) =>
        waitUntil(
          async () => (await patient.title()).startsWith(text),
          20_000,
          () => `the title begins with ${text}`,
        );
      await isTitled('【来电】');
      (await patient.title()).should.not.startWith(`【来电】${name}`);
      names.release();
      await isTitled(`【来电】${name}`);
    };
    await called('demo-team', /\/sessions\/demo-expert\/participants/, '周明远');
    await doctor.locator('.round-end').click();
    await doctor.locator('.call').waitFor({ state: 'detached' });
    await called('demo-expert', /\/sessions\/demo-expert(\/session)?(\?|$)/, '周明远');
    (await patient.locator('.call-name').textContent())!.should.equal('周明远');
    await doctor.locator('.round-end').click();
    await patient.locator('.call').waitFor({ state: 'detached' });
  });

  const pressed: [what: string, selector: string, opens: string][] = [
    ['a consultation', '.details .topic-item', '.dialog .record-when'],
    ['the name of the open one', '#topic .topic-name', '.dialog .record-when'],
    ['what ends it', '#topic .button', '.dialog-form'],
  ];
  for (const [what, selector, opens] of pressed) {
    it(`take a click on ${what} also when it changes meanwhile`, async () => {
      const doctor = await stage.page('/demo/doctor#demo-team', { viewport: DESK });
      await rename('按下前的');
      const changed = (name: string) => doctor.locator('#topic .topic-name', { hasText: name });
      await changed('按下前的').waitFor();
      await doctor.locator('.details .topic-item', { hasText: '按下前的' }).waitFor();
      await atRest(doctor);
      await doctor.locator(selector).first().hover();
      await doctor.mouse.down();
      const answer = doctor.waitForResponse(/\/sessions\/topics\?.*limit=20$/);
      await rename('按下时改的');
      await taken(doctor, answer);
      await doctor.mouse.up();
      await doctor.locator(opens).waitFor();
      await doctor.keyboard.press('Escape');
      await changed('按下时改的').waitFor();
    });
  }

  it('take a click on what leads to another session also when more is told there', async () => {
    const patient = await stage.page('/demo/patient?session=demo-expert');
    await atRest(patient);
    await stage.server.send('demo-team', 'demo-manager', '请来取药');
    await patient.locator('#elsewhere', { hasText: '请来取药' }).waitFor();
    const unread = patient.locator('#sessions-open .unread');
    const before = Number(await unread.textContent());
    await patient.locator('#elsewhere button', { hasText: '查看' }).hover();
    await patient.mouse.down();
    await stage.server.send('demo-team', 'demo-manager', '药房在一楼');
    await unread.filter({ hasText: String(before + 1) }).waitFor();
    await patient.mouse.up();
    await patient.waitForURL(/session=demo-team/);
    await bubble(patient, '药房在一楼').waitFor();
  });

  it('begin with what is new, though the list of the session before was scrolled', async () => {
    await written('scrolled', 40, true);
    await written('begins', 60, true);
    for (let n = 61; n <= 120; n += 1) await stage.server.send('begins', 'demo-manager', `第${n}条。`);
    const doctor = await stage.page('/demo/doctor#scrolled', { viewport: DESK });
    await bubble(doctor, '第40条。').waitFor();
    await atRest(doctor);
    await doctor.locator('[data-session="begins"]').click();
    await bubble(doctor, '第61条。').waitFor({ state: 'attached' });
    await atRest(doctor);
    const top = (await doctor.locator('.line-unread').boundingBox())!.y;
    const list = (await doctor.locator('.messages').boundingBox())!;
    top.should.be.within(list.y, list.y + list.height / 2);
  });

  it('lead where one wanted to last', async () => {
    await written('wish', 130, true);
    const doctor = await stage.page('/demo/doctor#wish', { viewport: DESK });
    await bubble(doctor, '第130条。').waitFor();
    await atRest(doctor);
    const find = async (text: string) => {
      await doctor.locator('#find').click();
      await doctor.keyboard.type(text);
      await doctor.locator('.hit', { hasText: text }).click();
    };
    const place = await hold(doctor, /\/wish\/messages\?.*after=/);
    await find('第5条。');
    await place.isAsked();
    await say(doctor, '写在最后');
    const overtaken = doctor.waitForResponse(/\/wish\/messages\?.*after=/);
    place.release();
    await taken(doctor, overtaken);
    await atRest(doctor);
    await bubble(doctor, '写在最后').locator('.receipt', { hasText: '未读' }).waitFor();
    (await bubble(doctor, '第130条。').count()).should.equal(1);

    await find('第5条。');
    await doctor.locator('.message.found', { hasText: '第5条。' }).waitFor();
    await atRest(doctor);
    const newest = await hold(doctor, /\/wish\/messages\?/);
    await doctor.locator('.jump').click();
    await newest.isAsked();
    await find('第7条。');
    const late = doctor.waitForResponse(/\/wish\/messages\?/);
    newest.release();
    await taken(doctor, late);
    await atRest(doctor);
    await doctor.locator('.message.found', { hasText: '第7条。' }).waitFor();
    (await bubble(doctor, '第130条。').count()).should.equal(0);
  });

  it('call what was written today 昨天 when another day has begun', async () => {
    await written('days', 1, true);
    const { timestamp } = await stage.server.send('days', 'demo-manager', '最后一条。');
    // The browser's time zone is the one of this process.
    const midnight = new Date(timestamp);
    midnight.setHours(24, 0, 0, 0);
    const time = new Date(midnight.getTime() - 30_000);
    const doctor = await stage.page('/demo/doctor#days', { viewport: DESK, time });
    await bubble(doctor, '最后一条。').waitFor();
    await atRest(doctor);
    const day = doctor.locator('.line-day').last();
    const listed = doctor.locator('[data-session="days"] time');
    (await day.textContent())!.should.equal('今天');
    (await listed.textContent())!.should.match(/^\d\d:\d\d$/);
    await doctor.clock.fastForward(90_000);
    await day.filter({ hasText: '昨天' }).waitFor();
    await listed.filter({ hasText: '昨天' }).waitFor();
  });
});
