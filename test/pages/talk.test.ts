import { type Page, type WebSocketRoute } from 'playwright-core';
import should from 'should';
import { requireOrSkip } from '../support/databases';
import { waitUntil } from '../support/wait-until';
import { bubble, DESK, PagesStage, say } from './stage';

/** Waits until `locator` shows that text. */
async function shows(page: Page, selector: string, text: string | RegExp): Promise<void> {
  await page.locator(selector, { hasText: text }).first().waitFor();
}

/** Rejects WebSockets while `away`, and can end those that are open. */
async function unsteady(page: Page) {
  const network = { away: false, routes: new Set<WebSocketRoute>(), cut: () => Promise.resolve() };
  network.cut = async () => {
    network.away = true;
    const open = [...network.routes];
    network.routes.clear();
    await Promise.all(open.map((route) => route.close({ code: 4000 })));
  };
  await page.routeWebSocket('**/ws', (route) => {
    if (network.away) {
      void route.close({ code: 4000 });
      return;
    }
    network.routes.add(route);
    route.connectToServer();
  });
  return network;
}

describe('The demo pages', function () {
  this.timeout(30_000);
  let stage: PagesStage;
  if (!requireOrSkip('chromium')) return;

  before(async () => {
    stage = await PagesStage.open();
  });
  afterEach(() => stage.closePages());
  after(() => stage.stop());

  it('talk to each other: text, typing, receipts', async () => {
    const { patient, doctor } = await stage.both();
    await say(patient, '李医生，今天好多了 😀');
    await bubble(doctor, '李医生，今天好多了 😀').waitFor();
    await bubble(patient, '李医生，今天好多了 😀').locator('.receipt', { hasText: '1人已读' }).waitFor();
    await doctor.locator('#text').pressSequentially('很好');
    await shows(patient, '.bar-subtitle', '李慧正在输入');
    await doctor.locator('#text').press('Enter');
    await bubble(patient, '很好').waitFor();
    await shows(patient, '.bar-subtitle', /^李慧、/);
    (await patient.locator('.message.pending').count()).should.equal(0);
    // The list knows the last message, and that it was read.
    await shows(doctor, '[data-session="demo-team"]', '李慧：很好');
    (await doctor.locator('[data-session="demo-team"] .unread').count()).should.equal(0);
  });

  it('show the doctor what a phone would have shown, without the text, and the number on its icon', async () => {
    const { doctor } = await stage.both();
    await stage.server.send('demo-group', 'demo-manager', '明天九点查房');
    const banner = doctor.locator('.phone-banner');
    await banner.filter({ hasText: '陈静: [新消息]' }).waitFor();
    const icon = `(function (unread) {
      return document.querySelector('#phone [data-part="badge"]').textContent === String(unread);
    })([...document.querySelectorAll('.session .unread')].reduce((sum, each) => sum + Number(each.textContent), 0))`;
    await waitUntil(
      () => doctor.evaluate<boolean>(icon),
      20_000,
      () => 'the icon has the number of all that is unread',
    );
    // Another one of the same session takes its place, as on a phone.
    await stage.server.send('demo-group', 'demo-specialist', '收到');
    await banner.filter({ hasText: '周明远: [新消息]' }).waitFor();
    (await banner.count()).should.equal(1);
    (await doctor.locator('#phone').innerText()).should.not.match(/查房|收到/);
  });

  it('stay at the end, and say so, while what is shown grows', async () => {
    const { patient, doctor } = await stage.both();
    // A picture that gets its height between the list's going to its end and the event of that scrolling.
    await doctor.evaluate(`(function (list) {
      list.querySelector('.message').style.paddingBottom = '300px';
      list.dispatchEvent(new Event('scroll'));
    })(document.querySelector('.messages'))`);
    await say(patient, '能看到吗？');
    await bubble(patient, '能看到吗？').locator('.receipt', { hasText: '1人已读' }).waitFor();
    // What takes room below is no leaving either.
    const distance = `(function (list) { return list.scrollHeight - list.scrollTop - list.clientHeight; })
      (document.querySelector('.messages'))`;
    await doctor.locator('#text').fill('一\n二\n三\n四\n五');
    await doctor.locator('[data-part="attach"]').click();
    await waitUntil(
      async () => Math.abs(await doctor.evaluate<number>(distance)) < 2,
      20_000,
      () => 'the list stands at its end',
    );
    // A reader who goes up, however little at a time, is let go.
    await doctor.locator('.messages').focus();
    for (let step = 0; step < 6; step += 1) await doctor.keyboard.press('ArrowUp', { delay: 100 });
    await doctor.locator('.jump').waitFor();
    await say(patient, '没在看');
    await shows(doctor, '.jump', '新消息 ↓ 1');
    await bubble(patient, '没在看').locator('.receipt', { hasText: '未读' }).waitFor();
  });

  it('show a receipt that came before the participants', async () => {
    await stage.server.send('demo-team', 'demo-patient', '刚发的');
    const patient = await stage.page('/');
    const readHeard = new Promise<void>((resolve) => {
      patient.on('websocket', (socket) => {
        socket.on('framereceived', ({ payload }) => {
          if (String(payload).startsWith('{"type":"read"')) resolve();
        });
      });
    });
    const participantsHeld = new Promise<() => Promise<void>>((resolve) => {
      void patient.route('**/sessions/demo-team/session', async (route) => {
        const response = await route.fetch();
        resolve(() => route.fulfill({ response }));
      });
    });
    await patient.goto(`${stage.server.url}/demo/patient?session=demo-team`);
    const release = await participantsHeld;
    await stage.server.request('get', '/sessions/demo-team/messages?user_id=demo-doctor&limit=1').expect(200);
    await readHeard;
    await release();
    await bubble(patient, '刚发的').locator('.receipt', { hasText: '1人已读' }).waitFor();
  });

  it('say 已读 and 对方正在输入 where there are two', async () => {
    const doctor = await stage.page('/demo/doctor#demo-doctors', { viewport: DESK });
    const other = await stage.page('/demo/doctor?user=demo-specialist#demo-doctors', { viewport: DESK });
    await bubble(other, '看到了').waitFor();
    await bubble(doctor, '看到了').waitFor();
    await other.locator('#text').pressSequentially('好');
    await shows(doctor, '.bar-subtitle', '对方正在输入…');
    await other.locator('#text').press('Enter');
    await other
      .locator('.message')
      .last()
      .locator('.receipt', { hasText: /^已读$/ })
      .waitFor();
  });

  it('start and end a consultation, with its reply', async () => {
    const { patient, doctor } = await stage.both();
    await doctor.locator('#topic button', { hasText: '结束咨询' }).click();
    await doctor.locator('.dialog textarea').fill('请按时服药。');
    await doctor.locator('.dialog button[type="submit"]').click();
    await shows(patient, '.line-end', '咨询结束 · 血压偏高，有点头晕');
    await bubble(patient, '请按时服药。').waitFor();
    await shows(patient, '#topic', '当前没有进行中的咨询');

    // Whoever starts one while looking at what is older sees it.
    await patient.evaluate(`document.querySelector('.messages').scrollTop = 0`);
    await patient.locator('.jump').waitFor();
    await patient.locator('#topic button', { hasText: '发起咨询' }).click();
    await patient.locator('.dialog input').fill('复诊预约');
    await patient.locator('.dialog button[type="submit"]').click();
    await shows(doctor, '.line-start', '咨询开始 · 复诊预约');
    await patient.locator('.jump').waitFor({ state: 'hidden' });
    await shows(doctor, '#topic .badge', '待回复');
    await shows(doctor, '[data-session="demo-team"] .badge', '待回复');
    await shows(doctor, '#count-waiting', '1');
    await say(doctor, '周五上午可以吗？');
    await shows(patient, '#topic .badge', '已回复');
    await shows(doctor, '#count-waiting', '0');
    await shows(doctor, '.topic-item', '复诊预约');
  });

  it('show every kind of message', async () => {
    const { patient, doctor } = await stage.both();
    const before = await doctor.locator('.card-article').count();
    await patient.locator('[data-part="attach"]').click();
    await patient.locator('.attach-kind', { hasText: '文章' }).click();
    await patient.locator('.dialog button[type="submit"]').click();
    await doctor.locator('.card-article').nth(before).waitFor();
    await doctor.locator('.voice').last().click();
    await doctor.locator('.voice.playing').waitFor();
    await doctor.locator('.film-start').last().click();
    await waitUntil(
      () => doctor.evaluate<boolean>(`[...document.querySelectorAll('.film')].pop().currentTime > 0`),
      20_000,
      () => 'the film plays',
    );
    await waitUntil(
      () =>
        doctor.evaluate<boolean>(`(function (pictures) {
          return pictures.length > 0 && pictures.every((each) => each.naturalWidth > 0);
        })([...document.querySelectorAll('.picture')])`),
      20_000,
      () => 'all pictures are shown',
    );
  });

  it('load history on scrolling up and keep the place', async () => {
    for (let count = 1; count <= 90; count += 1) {
      await stage.server.send('demo-expert', 'demo-specialist', `第${count}条`);
    }
    await stage.server
      .request('get', '/sessions/demo-expert/messages?user_id=demo-patient&limit=1')
      .expect(200);
    const patient = await stage.page('/demo/patient?session=demo-expert');
    await bubble(patient, '第90条').waitFor();
    const count = () => patient.locator('[data-id]').count();
    (await count()).should.equal(40);
    const topOf51 = `[...document.querySelectorAll('.text')].find((each) => each.textContent === '第51条')
      .getBoundingClientRect().top`;
    const before = await patient.evaluate<number>(
      `document.querySelector('.messages').scrollTop = 60, ${topOf51}`,
    );
    await waitUntil(
      async () => (await count()) === 80,
      20_000,
      () => 'older messages come',
    );
    const after = await patient.evaluate<number>(topOf51);
    Math.abs(after - before).should.be.below(2);
    // What comes meanwhile does not pull the reader away, and is counted; the line stands above nothing that came since.
    await stage.server.send('demo-expert', 'demo-specialist', '最新一条');
    await shows(patient, '.jump', '新消息 ↓ 1');
    await patient.locator('.jump').click();
    await bubble(patient, '最新一条').waitFor();
    await patient.locator('.jump').waitFor({ state: 'hidden' });
    (await patient.locator('.line-unread').count()).should.equal(0);
    // To the very beginning, by the button.
    for (let turn = 0; turn < 3 && (await patient.locator('.line-older button').count()) > 0; turn += 1) {
      await patient
        .locator('.line-older button')
        .click({ timeout: 2_000 })
        .catch(() => undefined);
      await patient.waitForTimeout(200);
    }
    await shows(patient, '.line-start', '咨询开始 · 心电图结果');
    const ids = await patient.evaluate<number[]>(
      `[...document.querySelectorAll('[data-id]')].map((each) => Number(each.dataset.id))`,
    );
    ids.should.eql([...new Set(ids)].sort((a, b) => a - b));
  });

  it('load the newest messages again when that failed', async () => {
    const patient = await stage.page('/');
    // No error status: the browser itself would log that as an error of the page.
    await patient.route('**/sessions/demo-team/messages?*', (route) => route.fulfill({ body: 'no JSON' }));
    await patient.goto(`${stage.server.url}/demo/patient?session=demo-team`);
    const retry = patient.locator('.line-older button', { hasText: '加载失败，点击重试' });
    await retry.waitFor();
    await stage.server.send('demo-team', 'demo-doctor', '加载失败后来的');
    await bubble(patient, '加载失败后来的').waitFor();
    await patient.unroute('**/sessions/demo-team/messages?*');
    await retry.click();
    await waitUntil(
      async () => (await patient.locator('[data-id]').count()) > 1,
      20_000,
      () => 'the messages before it come',
    );
    await retry.waitFor({ state: 'detached' });
  });

  it('mark what is new since the last visit', async () => {
    await stage.server.send('demo-team', 'demo-patient', '我都读完了');
    await stage.server
      .request('get', '/sessions/demo-team/messages?user_id=demo-patient&limit=1')
      .expect(200);
    await stage.server.send('demo-team', 'demo-doctor', '这是新的');
    const patient = await stage.page('/demo/patient');
    await bubble(patient, '这是新的').waitFor();
    const after = patient.locator('.line-unread + .message');
    (await after.locator('.text').textContent())!.should.equal('这是新的');
    // Whoever answers has read: the line goes.
    await say(patient, '看到了');
    await patient.locator('.line-unread').waitFor({ state: 'detached' });
  });

  it('hold what is sent without a connection, and send it once', async () => {
    const { doctor } = await stage.both();
    const patient = await stage.page('/');
    const network = await unsteady(patient);
    await patient.goto(`${stage.server.url}/demo/patient`);
    await patient.locator('[data-id]').first().waitFor();
    await network.cut();
    await shows(patient, '#banner', '网络已断开，正在重新连接');
    await say(patient, '断网时写的');
    await patient.locator('.message.pending', { hasText: '断网时写的' }).waitFor();
    await stage.server.send('demo-team', 'demo-doctor', '断网时收到的');
    network.away = false;
    // After some tries in vain the page waits for up to 12 s before the next one.
    await bubble(doctor, '断网时写的').waitFor({ timeout: 15_000 });
    await patient.locator('#banner').waitFor({ state: 'hidden' });
    await bubble(patient, '断网时收到的').waitFor();
    await patient.locator('.message.pending').waitFor({ state: 'detached' });
    // What is sent leaves in its order: a second time would have come before this.
    await say(patient, '又连上了');
    await bubble(doctor, '又连上了').waitFor();
    (await bubble(patient, '断网时写的').count()).should.equal(1);
    (await bubble(doctor, '断网时写的').count()).should.equal(1);
  });

  it('offer a retry for what the server refused', async () => {
    const { patient } = await stage.both();
    await patient.locator('[data-part="attach"]').click();
    await patient.locator('.attach-kind', { hasText: '文章' }).click();
    await patient.locator('.dialog input[type="url"]').fill('ftp://files.example.com/a.jpg');
    await patient.locator('.dialog button[type="submit"]').click();
    const failed = patient.locator('.message.failed');
    await failed.waitFor();
    (await failed.innerText()).should.match(/未发送：内容不符合要求/);
    await failed.locator('button', { hasText: '重试' }).click();
    await failed.waitFor();
    await failed.locator('button', { hasText: '删除' }).click();
    await failed.waitFor({ state: 'detached' });
  });

  it('end with a reason when the login is revoked', async () => {
    const { patient } = await stage.both();
    await stage.server.request('post', '/users/logout').send({ user_id: 'demo-patient' }).expect(204);
    await shows(patient, '#banner', '登录已失效');
    (await patient.locator('#text').isDisabled()).should.be.true();
    await patient.locator('#banner-again').click();
    await patient.locator('#banner').waitFor({ state: 'hidden' });
    await patient.locator('#text:enabled').waitFor();
  });

  it('give the doctor a list to search, filter and pin', async () => {
    const doctor = await stage.page('/demo/doctor#demo-team', { viewport: DESK });
    await doctor.locator('[data-id]').first().waitFor();
    const names = () => doctor.locator('.session-name').allTextContents();
    /** Who takes part and what is consulted is asked for after the list is there. */
    const comesTo = (...wanted: string[]) =>
      waitUntil(
        async () => (await names()).join() === wanted.join(),
        20_000,
        () => `the list comes to ${wanted.join()}`,
      );
    should((await names()).length).equal(3);
    await doctor.locator('[data-filter="patient"]').click();
    (await names()).should.eql(['王建国的家庭医生团队']);
    await doctor.locator('[data-filter="doctor"]').click();
    await comesTo('周明远', '城北社区卫生服务中心');
    await doctor.locator('#search').fill('城北');
    (await names()).should.eql(['城北社区卫生服务中心']);
    await doctor.locator('#search').fill('没有这个');
    await doctor.locator('#no-sessions').waitFor();
    // Members and consultations are found, too.
    await doctor.locator('#search').fill('陈静');
    await comesTo('城北社区卫生服务中心');
    await doctor.locator('[data-filter=""]').click();
    await doctor.locator('#search').fill('流感疫苗接种');
    await comesTo('王建国的家庭医生团队');
    await doctor.locator('#search').fill('');
    await doctor.locator('[data-state="ended"]').click();
    for (const name of await names()) name.should.equal('王建国的家庭医生团队');
    await doctor.locator('[data-state="ended"]').click();
    await doctor.locator('[data-pin="demo-group"]').click();
    await doctor.locator('.session.sticky').waitFor();
    (await names())[0]!.should.equal('城北社区卫生服务中心');
    await stage.server.send('demo-doctors', 'demo-specialist', '请看一下');
    await shows(doctor, '[data-session="demo-doctors"] .unread', /\d/);
    (await doctor.title()).should.match(/^\(\d+\) 医生工作台$/);
    (await names())[0]!.should.equal('城北社区卫生服务中心');
    await doctor.locator('[data-pin="demo-group"]').click();
    await doctor.locator('.session.sticky').waitFor({ state: 'detached' });
    await doctor.locator('[data-session="demo-doctors"]').click();
    await bubble(doctor, '请看一下').waitFor();
    await doctor.locator('[data-session="demo-doctors"] .unread').waitFor({ state: 'detached' });
    doctor.url().should.endWith('#demo-doctors');
  });

  it('log other users in by the address, and bring new sessions to the list', async () => {
    const doctor = await stage.page('/demo/doctor?user=D-new', { viewport: DESK });
    await doctor.locator('#no-sessions').waitFor();
    (await doctor.locator('#user').inputValue()).should.equal('D-new');
    await stage.server
      .request('post', '/sessions')
      .send({
        id: 's-new',
        type: 3,
        name: '新的会话',
        participants: [{ id: 'D-new' }, { id: 'demo-doctor' }],
      })
      .expect(201);
    await doctor.locator('[data-session="s-new"]').click();
    await stage.server.send('s-new', 'demo-doctor', '欢迎');
    await bubble(doctor, '欢迎').waitFor();
    const patient = await stage.page('/demo/patient?user=P-new');
    await shows(patient, '#banner', '还没有会话');
  });
});
