import { type Page } from 'playwright-core';
import should from 'should';
import { requireOrSkip } from '../support/databases';
import { waitUntil } from '../support/wait-until';
import { atRest, bubble, DESK, PagesStage, say, scrollMessages } from './stage';

const SESSION = 'demo-expert';

const unreadOf = async (stage: PagesStage) => {
  const { body } = await stage.server
    .request('get', `/sessions/${SESSION}/unread_message_count?user_id=demo-patient`)
    .expect(200);
  return body.count as number;
};

const jump = async (page: Page) => (await page.locator('.jump').textContent()) ?? '';

describe('Reading in the demo pages', function () {
  this.timeout(30_000);
  let stage: PagesStage;
  if (!requireOrSkip('chromium')) return;

  before(async () => {
    stage = await PagesStage.open();
  });
  afterEach(() => stage.closePages());
  after(() => stage.stop());

  it('opens at the first of 130 unread messages, and marks what was on the screen alone', async () => {
    await stage.server.request('get', `/sessions/${SESSION}/messages?user_id=demo-patient`).expect(200);
    for (let count = 1; count <= 130; count += 1) {
      await stage.server.send(SESSION, 'demo-specialist', `新的第${count}条。`);
    }
    const patient = await stage.page(`/demo/patient?session=${SESSION}`);
    const first = patient.locator('.line-unread + .message');
    await first.waitFor();
    (await first.locator('.text').textContent())!.should.equal('新的第1条。');
    await atRest(patient);
    const box = (await bubble(patient, '新的第1条。').boundingBox())!;
    (box.y > 60 && box.y < 400).should.be.true();
    let left = 130;
    await waitUntil(
      async () => (left = await unreadOf(stage)) < 130 && (await jump(patient)) === `新消息 ↓ ${left}`,
      20_000,
      () => `what is seen is read, and no more is counted: ${left}`,
    );
    left.should.be.within(110, 129);

    // Further down more is read, and loaded without a gap.
    for (let turn = 0; turn < 3; turn += 1) {
      await scrollMessages(patient, 'list.scrollTop + 2000');
      await atRest(patient);
    }
    const texts = (await patient.locator('.text').allTextContents()).filter((text) =>
      text.startsWith('新的第'),
    );
    texts.length.should.be.above(40);
    texts.should.eql(texts.map((_text, index) => `新的第${index + 1}条。`));
    const later = Number(/\d+/.exec(await jump(patient))?.[0]);
    later.should.be.below(left);

    // What comes meanwhile is counted, and the button leads to it.
    await stage.server.send(SESSION, 'demo-specialist', '最后来的');
    await waitUntil(
      async () => (await jump(patient)) === `新消息 ↓ ${later + 1}`,
      20_000,
      () => 'the new one is counted',
    );
    await patient.locator('.jump').click();
    await bubble(patient, '最后来的').waitFor();
    await patient.locator('.jump').waitFor({ state: 'hidden' });
    await waitUntil(
      async () => (await unreadOf(stage)) === 0,
      20_000,
      () => 'all is read',
    );
    await say(patient, '都看完了');
    await patient.locator('.line-unread').waitFor({ state: 'detached' });
    (await patient.locator('.message.mine', { hasText: '都看完了' }).count()).should.equal(1);
  });

  it('opens no session by itself at the desk', async () => {
    const doctor = await stage.page('/demo/doctor', { viewport: DESK });
    await doctor.locator('.session').first().waitFor();
    await doctor.waitForTimeout(300);
    (await doctor.locator('[data-id]').count()).should.equal(0);
    (await doctor.locator('.no-conversation').isVisible()).should.be.true();
    const { body } = await stage.server.request('get', '/sessions/unread_message_count?user_id=demo-doctor');
    should(body.count).be.above(0);
  });

  it('keeps what was written and not sent, for each session', async () => {
    const doctor = await stage.page('/demo/doctor#demo-team', { viewport: DESK });
    await doctor.locator('#text:enabled').fill('还没写完');
    await doctor.locator('[data-session="demo-doctors"]').click();
    await doctor.locator('[data-session="demo-doctors"][aria-current]').waitFor();
    await doctor.locator('#text:enabled').fill('另一个草稿');
    await doctor.reload();
    await doctor.locator('[data-id]').first().waitFor();
    (await doctor.locator('#text').inputValue()).should.equal('另一个草稿');
    await doctor.locator('[data-session="demo-team"]').click();
    await waitUntil(
      async () => (await doctor.locator('#text').inputValue()) === '还没写完',
      20_000,
      () => 'the draft is there',
    );
    await doctor.locator('#text').press('Enter');
    await bubble(doctor, '还没写完').waitFor();
    await doctor.reload();
    await doctor.locator('[data-id]').first().waitFor();
    (await doctor.locator('#text').inputValue()).should.equal('');
  });

  it('sends what was on its way when the page was closed, once', async () => {
    const page = await stage.page('/');
    let away = false;
    await page.routeWebSocket('**/ws', (route) => {
      if (away) void route.close({ code: 4000 });
      else route.connectToServer();
    });
    away = true;
    await page.goto(`${stage.server.url}/demo/doctor#demo-group`);
    await page.locator('#banner', { hasText: '正在重新连接' }).waitFor();
    // The composer waits for the first login: so the message is left by a page that had one.
    away = false;
    await page.locator('#text:enabled').waitFor();
    await page.evaluate(
      `window.IMClient.prototype.send = function () { return jQuery.Deferred().promise(); }`,
    );
    await say(page, '关掉页面也不会丢');
    await page.locator('.message.pending').waitFor();
    await page.reload();
    await page.locator('.message.mine:not(.pending)', { hasText: '关掉页面也不会丢' }).waitFor();
    await page.reload();
    await atRest(page);
    (await bubble(page, '关掉页面也不会丢').count()).should.equal(1);
  });
});
