import { requireOrSkip } from '../support/databases';
import { waitUntil } from '../support/wait-until';
import { bubble, DESK, PagesStage, say } from './stage';

describe('Consultations and sessions in the demo pages', function () {
  this.timeout(30_000);
  let stage: PagesStage;
  if (!requireOrSkip('chromium')) return;

  before(async () => {
    stage = await PagesStage.open();
  });
  afterEach(() => stage.closePages());
  after(() => stage.stop());

  it('show what the patient wrote as 情况说明, at its start and in the records', async () => {
    const doctor = await stage.page('/demo/doctor#demo-team', { viewport: DESK });
    await doctor.locator('[data-id]').first().waitFor();
    const patient = await stage.page('/demo/patient?session=demo-expert');
    await patient.locator('#topic button', { hasText: '发起咨询' }).click();
    await patient.locator('.dialog textarea').fill('昨晚心慌，十分钟后好了。');
    await patient.locator('.dialog input').fill('   ');
    await patient.locator('.dialog button[type="submit"]').click();
    // A blank name is said, and nothing that was written is lost.
    await patient.locator('.dialog-error', { hasText: '请填写咨询主题' }).waitFor();
    (await patient.locator('.dialog textarea').inputValue()).should.equal('昨晚心慌，十分钟后好了。');
    await patient.locator('.dialog input').fill('心慌');
    await patient.locator('.dialog button[type="submit"]').click();
    await patient.locator('.dialog').waitFor({ state: 'detached' });
    await patient.locator('.line-description', { hasText: '昨晚心慌' }).waitFor();

    const specialist = await stage.page('/demo/doctor?user=demo-specialist#demo-expert', { viewport: DESK });
    await specialist.locator('.line-description', { hasText: '昨晚心慌' }).waitFor();
    await specialist.locator('.details .topic-item', { hasText: '昨晚心慌' }).click();
    await specialist.locator('.record-description', { hasText: '昨晚心慌，十分钟后好了。' }).waitFor();
    await specialist.locator('.record .line-start', { hasText: '心慌' }).waitFor();
    await specialist.keyboard.press('Escape');

    await patient.locator('#topic button', { hasText: '记录' }).click();
    await patient.locator('.dialog .topic-item', { hasText: '心电图结果' }).click();
    await patient.locator('.record .text', { hasText: '偶发早搏很常见' }).waitFor();
    await patient.locator('.dialog button', { hasText: '关闭' }).click();
    await patient.locator('.dialog').waitFor({ state: 'detached' });
  });

  it('keep a dialog open when the server refuses', async () => {
    const patient = await stage.page('/demo/patient?session=demo-team');
    await patient.locator('#topic button', { hasText: '结束咨询' }).click();
    await patient.route('**/ended', (route) => route.fulfill({ body: 'no JSON' }));
    await patient.locator('.dialog textarea').fill('谢谢医生');
    await patient.locator('.dialog button[type="submit"]').click();
    await patient.locator('.dialog-error', { hasText: '出错了' }).waitFor();
    (await patient.locator('.dialog textarea').inputValue()).should.equal('谢谢医生');
  });

  it('lead a patient to a message, and to a call, in another session', async () => {
    const patient = await stage.page('/demo/patient?session=demo-team');
    await patient.locator('[data-id]').first().waitFor();
    // A session between two bears the other one's name as soon as the page has asked who that is.
    const named = patient.locator('#session option', { hasText: /^周明远$/ });
    await named.waitFor({ state: 'attached' });
    await stage.server.send('demo-expert', 'demo-specialist', '请周五来复查');
    await patient.locator('#elsewhere', { hasText: '请周五来复查' }).waitFor();
    (await patient.locator('#elsewhere strong').textContent())!.should.equal('周明远');
    await patient.locator('#sessions-open .unread', { hasText: /^\d+$/ }).waitFor();
    await patient.locator('#elsewhere button', { hasText: '查看' }).click();
    await bubble(patient, '请周五来复查').waitFor();
    patient.url().should.containEql('session=demo-expert');
    (await patient.locator('.bar-title').textContent())!.should.equal('周明远');

    await patient.locator('#sessions-open').click();
    await patient.locator('.switch-item', { hasText: '王建国的家庭医生团队' }).click();
    // The page that is left has messages, too.
    await patient.locator('.bar-title', { hasText: '王建国的家庭医生团队' }).waitFor();
    await patient.locator('[data-id]').first().waitFor();
    await named.waitFor({ state: 'attached' });
    const doctor = await stage.page('/demo/doctor?user=demo-specialist#demo-expert', { viewport: DESK });
    await doctor.locator('[data-id]').first().waitFor();
    await doctor.locator('#call').click();
    await patient.locator('#elsewhere', { hasText: '邀请您视频通话' }).waitFor();
    await waitUntil(
      async () => (await patient.title()).startsWith('【来电】周明远'),
      20_000,
      () => 'the title tells of the call',
    );
    await patient.locator('#elsewhere button', { hasText: '去接听' }).click();
    await patient.locator('.round-accept').click();
    for (const page of [patient, doctor]) await page.locator('.call[data-stage="active"]').waitFor();
    // A camera that goes off says so.
    await patient.locator('.round-toggle').last().click();
    await doctor.locator('.call-camera', { hasText: '对方的摄像头已关闭' }).waitFor();
    await patient.locator('.call-camera', { hasText: '您的摄像头已关闭' }).waitFor();
    await patient.locator('.round-toggle').last().click();
    await waitUntil(
      async () => (await doctor.locator('.call-camera').textContent()) === '',
      20_000,
      () => 'it is on again',
    );
    await patient.locator('.round-end').click();
    await doctor.locator('.call').waitFor({ state: 'detached' });
  });

  it('show who is there, who left, and links in texts', async () => {
    // The page does not ask again soon: those of the tests before have to be gone for the server, too.
    await waitUntil(
      () => !stage.server.context.sockets.isOnline('demo-patient'),
      20_000,
      () => 'the patient is gone',
    );
    const doctor = await stage.page('/demo/doctor#demo-team', { viewport: DESK });
    const person = (name: string) => doctor.locator('.person', { hasText: name });
    await person('王建国').locator('.presence', { hasText: '最近活跃' }).waitFor();
    const patient = await stage.page('/demo/patient?session=demo-team');
    await patient.locator('[data-id]').first().waitFor();
    await say(patient, '看这里：https://example.com/a?b=1。还有javascript:alert(1)');
    await person('王建国').locator('.presence', { hasText: '在线' }).waitFor();
    const link = bubble(doctor, '看这里').locator('a');
    (await link.getAttribute('href'))!.should.equal('https://example.com/a?b=1');
    (await link.getAttribute('rel'))!.should.match(/noopener/);
    (await link.count()).should.equal(1);
    // Who writes over REST alone has been active, and is not there.
    await stage.server.send('demo-team', 'demo-manager', '我在外面随访');
    await bubble(doctor, '我在外面随访').waitFor();
    await person('陈静').locator('.presence', { hasText: '最近活跃' }).waitFor();
    (await doctor.locator('.details').innerText()).should.not.containEql('从未');
    await stage.server.request('delete', '/sessions/demo-team/participants/demo-manager').expect(204);
    await person('陈静').waitFor({ state: 'detached' });
  });

  it('close the menu when one taps elsewhere, and cover no button with what they say', async () => {
    const patient = await stage.page('/demo/patient?session=demo-team');
    await patient.locator('[data-part="attach"]:enabled').click();
    await patient.locator('#attach-menu').waitFor();
    await patient.locator('.bar-title').click();
    await patient.locator('#attach-menu').waitFor({ state: 'hidden' });
    const doctor = await stage.page('/demo/doctor', { viewport: DESK });
    await doctor.locator('[data-pin="demo-team"]').click();
    await doctor.locator('.toast', { hasText: '已置顶' }).waitFor();
    const covered = await doctor.evaluate<number>(`(function (toast) {
      return [...document.querySelectorAll('button, input, select')].filter(function (each) {
        var box = each.getBoundingClientRect();
        return each.offsetParent && box.width > 0 && box.left < toast.right && box.right > toast.left
          && box.top < toast.bottom && box.bottom > toast.top;
      }).length;
    })(document.querySelector('.toast').getBoundingClientRect())`);
    covered.should.equal(0);
  });

  it('show each consultation once, however often older ones are asked for', async () => {
    const all = 104;
    await stage.server
      .request('post', '/sessions')
      .send({
        id: 'many-topics',
        type: 1,
        name: '老患者',
        participants: [{ id: 'demo-doctor' }, { id: 'demo-patient' }],
      })
      .expect(201);
    for (let count = 0; count < all; count += 1) {
      await stage.server
        .request('post', `/sessions/many-${count}/topics`)
        .send({ session_id: 'many-topics', user_id: 'demo-patient', name: `咨询${count}` })
        .expect(201);
      await stage.server
        .request('put', `/sessions/many-topics/topics/many-${count}/ended`)
        .send({ user_id: 'demo-doctor' })
        .expect(200);
    }
    const doctor = await stage.page('/demo/doctor#many-topics', { viewport: DESK });
    await doctor.locator('#topic .topic-records').click();
    const more = doctor.locator('.record .link-button', { hasText: '更早的咨询' });
    await more.waitFor();
    const asked: string[] = [];
    doctor.on('request', (request) => {
      if (request.url().includes('cursor=')) asked.push(request.url());
    });
    await doctor.evaluate(`(function (button) {
      button.click();
      button.click();
    })(document.querySelector('.record > .link-button'))`);
    const entries = doctor.locator('.record .topic-item');
    await entries.nth(all - 1).waitFor();
    await more.waitFor({ state: 'hidden' });
    (await entries.count()).should.equal(all);
    // A second answer would come later.
    asked.length.should.equal(1);
  });
});
