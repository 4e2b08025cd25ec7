import { type Page } from 'playwright-core';
import 'should';
import { requireOrSkip } from '../support/databases';
import { waitUntil } from '../support/wait-until';
import { bubble, DESK, PagesStage, PHONE, say, scrollMessages } from './stage';

const TOPIC = 'demo-topic-pressure';

/** Runs `redraw`, waits until the element that had the focus is gone, and that its successor has it. */
async function redrawn(page: Page, redraw: () => Promise<unknown>, like: RegExp): Promise<void> {
  await page.evaluate(`window.stood = document.activeElement`);
  await redraw();
  await waitUntil(
    () => page.evaluate<boolean>(`!window.stood.isConnected || window.stood.offsetParent === null`),
    20_000,
    () => 'what had the focus is drawn anew',
  );
  // What was asked for before may draw it, too, as it was.
  let at = '';
  await waitUntil(
    async () => like.test((at = await focused(page))),
    20_000,
    () => `the focus is at ${at}, and at no ${String(like)}`,
  );
}

/** Whether what has the focus can be seen in its scroller, half of it at least. */
const isInSight = (page: Page, scroller: string) =>
  page.evaluate<boolean>(`(function (box, around) {
    var middle = (box.top + box.bottom) / 2;
    return middle > around.top && middle < around.bottom;
  })(document.activeElement.getBoundingClientRect(), document.querySelector('${scroller}').getBoundingClientRect())`);

/** The focused element: where it is, what it is called. */
const focused = (page: Page) =>
  page.evaluate<string>(`(function (node) {
    var entry = node.closest('[data-key]');
    return node.tagName.toLowerCase() + '.' + node.className.split(' ').join('.')
      + (entry ? ' of ' + entry.getAttribute('data-key') : '') + ': ' + (node.textContent || '').trim();
  })(document.activeElement)`);

describe('The demo pages, for those who use the keyboard alone', function () {
  this.timeout(30_000);
  let stage: PagesStage;
  if (!requireOrSkip('chromium')) return;

  before(async () => {
    stage = await PagesStage.open();
  });
  afterEach(() => stage.closePages());
  after(() => stage.stop());

  const rename = (name: string) =>
    stage.server.request('put', `/sessions/topics/${TOPIC}`).send({ name }).expect(200);
  const leave = (id: string) =>
    stage.server.request('delete', `/sessions/demo-team/participants/${id}`).expect(204);
  const join = (id: string) =>
    stage.server
      .request('post', '/sessions/demo-team/participants')
      .send({ participants: [{ id }] })
      .expect(200);

  /** A session of two doctors. */
  const group = (id: string) =>
    stage.server
      .request('post', '/sessions')
      .send({ id, type: 3, name: id, participants: [{ id: 'demo-doctor' }, { id: 'demo-manager' }] })
      .expect(201);

  it('leave one on the consultation’s buttons when it changes', async () => {
    const patient = await stage.page('/demo/patient?session=demo-team');
    await patient.locator('[data-id]').first().waitFor();
    await patient.locator('#topic .topic-name').focus();
    await redrawn(patient, () => rename('血压偏高'), /topic-name.*血压偏高$/);
    await patient.locator('#topic .topic-records').focus();
    await redrawn(patient, () => rename('血压'), /topic-records/);
    const doctor = await stage.page('/demo/doctor#demo-team', { viewport: DESK });
    await doctor.locator('.details .topic-item').first().focus();
    await redrawn(doctor, () => rename('血压又高了'), new RegExp(`topic-item of ${TOPIC}: 血压又高了`));
  });

  it('leave one there after ending a consultation, and where one writes after starting one', async () => {
    const patient = await stage.page('/demo/patient?session=demo-team');
    await patient.locator('#topic button', { hasText: '结束咨询' }).focus();
    await patient.keyboard.press('Enter');
    await patient.locator('.dialog').waitFor();
    await patient.locator('.dialog button[type="submit"]').focus();
    // What failed can be tried again from where one stands.
    await patient.route('**/ended', (route) => route.fulfill({ body: 'no JSON' }));
    await patient.keyboard.press('Enter');
    await patient.locator('.dialog-error', { hasText: '出错了' }).waitFor();
    (await focused(patient)).should.match(/^button.*结束咨询$/);
    await patient.unroute('**/ended');
    await patient.keyboard.press('Enter');
    await patient.locator('.dialog').waitFor({ state: 'detached' });
    await waitUntil(
      async () => /^button.*发起咨询$/.test(await focused(patient)),
      20_000,
      () => 'the focus is on 发起咨询',
    );
    const doctor = await stage.page('/demo/doctor#demo-team', { viewport: DESK });
    const begin = async (page: Page, name: string) => {
      await page.locator('#topic button', { hasText: '发起咨询' }).focus();
      await page.keyboard.press('Enter');
      await page.locator('.dialog').waitFor();
      await page.keyboard.type(name);
      await page.keyboard.press('Enter');
      await page.locator('.dialog').waitFor({ state: 'detached' });
      await page.locator('#topic .topic-name', { hasText: name }).waitFor();
      (await focused(page)).should.match(/^textarea/);
    };
    await begin(patient, '头晕');
    await doctor.locator('#topic button', { hasText: '结束咨询' }).click();
    await doctor.locator('.dialog button[type="submit"]').click();
    await begin(doctor, '复诊');
  });

  it('lead to where one writes after an article was sent', async () => {
    const patient = await stage.page('/demo/patient?session=demo-team');
    await patient.locator('[data-part="attach"]:enabled').click();
    await patient.locator('.attach-kind', { hasText: '文章' }).click();
    await patient.locator('.dialog').waitFor();
    for (const key of ['Enter', 'Enter']) await patient.keyboard.press(key);
    (await focused(patient)).should.match(/^textarea/);
    (await patient.locator('#attach-menu').isVisible()).should.be.false();
  });

  it('leave one at a message when others come, and when names change', async () => {
    const { patient, doctor } = await stage.both();
    await say(patient, '头还是晕');
    await bubble(doctor, '头还是晕').waitFor();
    const id = await bubble(doctor, '头还是晕').getAttribute('data-id');
    await bubble(doctor, '头还是晕').locator('.message-more').focus();
    await stage.server.send('demo-team', 'demo-manager', '我来联系您');
    await bubble(doctor, '我来联系您').waitFor();
    const more = new RegExp(`message-more of ${id}:`);
    (await focused(doctor)).should.match(more);
    await redrawn(doctor, () => leave('demo-specialist'), more);

    // The menu that is open meanwhile gives the focus to the message that stands there now.
    await doctor.keyboard.press('Enter');
    await doctor.getByRole('menu').waitFor();
    await doctor.evaluate(`window.stood = document.querySelector('[data-id="${id}"]')`);
    await join('demo-specialist');
    await waitUntil(
      () => doctor.evaluate<boolean>('!window.stood.isConnected'),
      20_000,
      () => 'the message is drawn anew',
    );
    await doctor.keyboard.press('Escape');
    await doctor.getByRole('menu').waitFor({ state: 'detached' });
    (await focused(doctor)).should.match(more);
  });

  it('leave one in the doctor’s list, on a session and on its pin', async () => {
    const doctor = await stage.page('/demo/doctor', { viewport: DESK });
    const entry = doctor.locator('.session', { has: doctor.locator('[data-session="demo-group"]') });
    await doctor.locator('[data-session="demo-group"]').focus();
    await stage.server.send('demo-group', 'demo-manager', '开会');
    await entry.getByText('开会').waitFor();
    (await focused(doctor)).should.match(/session-open of demo-group/);
    await stage.server.send('demo-team', 'demo-manager', '来取药');
    await doctor.locator('[data-session="demo-team"]', { hasText: '来取药' }).waitFor();
    await doctor.locator('[data-pin="demo-group"]').focus();
    await doctor.keyboard.press('Enter');
    await doctor.locator('.session.sticky [data-session="demo-group"]').waitFor();
    (await focused(doctor)).should.match(/session-pin of demo-group/);
  });

  it('take a click on a session also when the list changes meanwhile', async () => {
    const doctor = await stage.page('/demo/doctor', { viewport: DESK });
    const entry = doctor.locator('[data-session="demo-group"]');
    await entry.waitFor();
    const { height, width, x, y } = (await entry.boundingBox())!;
    // Where its last message stands.
    await doctor.mouse.move(x + width / 2, y + height * 0.65);
    await doctor.mouse.down();
    await stage.server.send('demo-group', 'demo-manager', '改到三点');
    await stage.server.send('demo-expert', 'demo-specialist', '请看一下');
    // The list shows what comes in a moment, and waits for the button to be let go.
    await new Promise((resolve) => setTimeout(resolve, 500));
    await doctor.mouse.up();
    await entry.getByText('改到三点').waitFor();
    await bubble(doctor, '改到三点').waitFor({ state: 'attached' });
    doctor.url().should.match(/#demo-group$/);
  });

  it('leave one on the button for older messages, and among them when there are no more', async () => {
    const all = 90;
    await group('long-ago');
    for (let count = 1; count <= all; count += 1)
      await stage.server.send('long-ago', 'demo-doctor', `第${count}条`);
    const doctor = await stage.page('/demo/doctor#long-ago', { viewport: DESK });
    await bubble(doctor, `第${all}条`).waitFor();
    let release: (() => void) | undefined;
    await doctor.route('**/messages?*before=*', async (route) => {
      await new Promise<void>((resolve) => (release = resolve));
      await route.continue();
    });
    const older = doctor.locator('.line-older button');
    const first = () => doctor.locator('[data-id]').first().getAttribute('data-id');
    for (let page = 0; (await older.count()) > 0; page += 1) {
      page.should.be.below(5);
      const before = await first();
      await older.focus();
      await doctor.keyboard.press('Enter');
      await waitUntil(
        () => release !== undefined,
        20_000,
        () => 'older messages are asked for',
      );
      (await focused(doctor)).should.equal('button.link-button: 正在加载…');
      release!();
      release = undefined;
      await waitUntil(
        async () => (await first()) !== before,
        20_000,
        () => 'older messages are there',
      );
      (await focused(doctor)).should.match(/^button.link-button: (查看更早的消息|正在加载…)$|^div.messages/);
    }
    (await focused(doctor)).should.match(/^div.messages/);
  });

  it('leave one on what leads to another session when more is told there', async () => {
    const patient = await stage.page('/demo/patient?session=demo-expert', { viewport: PHONE });
    await patient.locator('[data-id]').first().waitFor();
    await stage.server.send('demo-team', 'demo-manager', '请来取药');
    await patient.locator('#elsewhere button', { hasText: '查看' }).focus();
    await redrawn(
      patient,
      () => stage.server.send('demo-team', 'demo-manager', '药房在一楼'),
      /^button.*查看$/,
    );
    await patient.keyboard.press('Tab');
    await redrawn(patient, () => patient.keyboard.press('Enter'), /sessions-open/);
  });

  it('never put one on the button that rejects a call', async () => {
    const patient = await stage.page('/demo/patient?session=demo-expert', { viewport: PHONE });
    await patient.locator('[data-id]').first().waitFor();
    await stage.server.send('demo-team', 'demo-manager', '请来取药');
    await patient.locator('#elsewhere button', { hasText: '查看' }).waitFor();
    await patient.locator('#elsewhere button').last().focus();
    const doctor = await stage.page('/demo/doctor#demo-team', { viewport: DESK });
    await doctor.locator('[data-id]').first().waitFor();
    await redrawn(patient, () => doctor.locator('#call').click(), /^div.elsewhere/);
    await doctor.locator('.round-end').click();
    await patient.locator('#elsewhere button', { hasText: '拒绝' }).waitFor({ state: 'hidden' });
  });

  it('keep in sight what one stands on in a long list', async () => {
    for (let count = 0; count < 40; count += 1) await group(`long-${count}`);
    const doctor = await stage.page('/demo/doctor', { viewport: DESK });
    await doctor.locator('[data-session="long-5"]').focus();
    await stage.server.send('demo-team', 'demo-manager', '到齐了');
    await doctor.locator('[data-session="demo-team"]', { hasText: '到齐了' }).waitFor();
    (await focused(doctor)).should.match(/session-open of long-5/);
    // The browser holds the list's place with the next frame.
    await waitUntil(
      () => isInSight(doctor, '#sessions'),
      20_000,
      () => 'it is in sight',
    );
  });

  it('follow one into a conversation and back, on a phone', async () => {
    const doctor = await stage.page('/demo/doctor', { viewport: PHONE });
    await doctor.locator('[data-session="demo-group"]').focus();
    await doctor.keyboard.press('Enter');
    await doctor.locator('[data-id]').first().waitFor();
    (await doctor.evaluate<string>('document.activeElement.id')).should.equal('back');
    await doctor.locator('#show-details').focus();
    await doctor.keyboard.press('Enter');
    (await doctor.evaluate<string>('document.activeElement.id')).should.equal('hide-details');
    await doctor.keyboard.press('Escape');
    (await doctor.evaluate<string>('document.activeElement.id')).should.equal('show-details');
    await doctor.locator('#back').focus();
    await doctor.keyboard.press('Enter');
    await waitUntil(
      async () => (await focused(doctor)).includes('session-open of demo-group'),
      20_000,
      () => 'the focus is on the session in the list',
    );
  });

  it('lead to the first new hit of a search, and to the message that is chosen', async () => {
    await group('searched');
    for (let count = 1; count <= 60; count += 1)
      await stage.server.send('searched', 'demo-manager', `第${count}次`);
    const doctor = await stage.page('/demo/doctor#searched', { viewport: DESK });
    await doctor.locator('.line-unread').waitFor();
    await doctor.locator('#find').click();
    await doctor.keyboard.type('次');
    await doctor.locator('.hit').nth(19).waitFor();
    await doctor.locator('.record .link-button').focus();
    await doctor.keyboard.press('Enter');
    await doctor.locator('.hit').nth(39).waitFor();
    (await focused(doctor)).should.match(/^button.hit.*第40次$/);
    (await isInSight(doctor, '.record')).should.be.true();
    await doctor.locator('.hit', { hasText: '第40次' }).click();
    await doctor.locator('.message.found', { hasText: '第40次' }).waitFor();
    // What comes after it is loaded meanwhile.
    await bubble(doctor, '第60次').waitFor({ state: 'attached' });
    (await isInSight(doctor, '.messages')).should.be.true();
  });

  it('open no menu for a message that was drawn anew under the finger, and lose none to the keyboard', async () => {
    const { patient } = await stage.both({ hasTouch: true });
    await patient.evaluate(`(function (bubble) {
      var touch = new Touch({ identifier: 1, target: bubble, clientX: 5, clientY: 5 });
      bubble.dispatchEvent(new TouchEvent('touchstart', { touches: [touch], bubbles: true }));
      bubble.parentNode.replaceChild(bubble.cloneNode(true), bubble);
    })([...document.querySelectorAll('.message .bubble')].pop())`);
    // The page's own clock: what it would do after 500 ms it has done.
    await patient.evaluate('new Promise(function (resolve) { setTimeout(resolve, 600); })');
    (await patient.getByRole('menu').count()).should.equal(0);
    await leave('demo-specialist');
    await patient.locator('.bar-subtitle', { hasNotText: '周明远' }).waitFor();
    await patient.locator('.picture-link').first().focus();
    await redrawn(patient, () => join('demo-specialist'), /picture-link/);
    (await patient.locator('.message-more[tabindex="0"]').count()).should.equal(1);
  });

  it('keep Tab in what was opened last, and end that alone by Escape', async () => {
    const { doctor } = await stage.both();
    await doctor.locator('.details .topic-item').last().click();
    await doctor.locator('.record').waitFor();
    await doctor.evaluate(`(function (link) {
      link.className = 'picture-link';
      link.href = '/assets/icon.svg';
      document.querySelector('.record ol').appendChild(link);
      document.querySelector('.record ol').appendChild(link.cloneNode());
      link.click();
    })(document.createElement('a'))`);
    await doctor.locator('.viewer').waitFor();
    const stops: string[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      await doctor.keyboard.press('Tab');
      stops.push(await doctor.evaluate<string>(`document.activeElement.getAttribute('aria-label')`));
    }
    stops.should.eql(['上一张', '下一张', '关闭']);
    await doctor.keyboard.press('Escape');
    await doctor.locator('.viewer').waitFor({ state: 'detached' });
    (await doctor.locator('.record').count()).should.equal(1);
    await doctor.keyboard.press('Escape');
    await doctor.locator('.record').waitFor({ state: 'detached' });
  });

  it('never take the way to the newest messages from under one', async () => {
    await group('to-newest');
    for (let count = 1; count <= 30; count += 1)
      await stage.server.send('to-newest', 'demo-doctor', `第${count}次`);
    const doctor = await stage.page('/demo/doctor#to-newest', { viewport: DESK });
    await bubble(doctor, '第30次').waitFor();
    await scrollMessages(doctor, '0');
    const jump = doctor.locator('[data-part="jump"]');
    await jump.waitFor();
    await jump.focus();
    await scrollMessages(doctor, '1e6');
    (await focused(doctor)).should.match(/^button.jump/);
    await doctor.keyboard.press('Tab');
    await jump.waitFor({ state: 'hidden' });
  });
});
