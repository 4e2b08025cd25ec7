import { type Page } from 'playwright-core';
import should from 'should';
import { requireOrSkip } from '../support/databases';
import { waitUntil } from '../support/wait-until';
import { atRest, bubble, DESK, PagesStage, say } from './stage';

const NOTICE = '明天上午八点，请空腹。';

describe('The demo pages, of what is new in other sessions', function () {
  this.timeout(30_000);
  let stage: PagesStage;
  if (!requireOrSkip('chromium')) return;

  before(async () => {
    stage = await PagesStage.open();
  });
  afterEach(() => stage.closePages());
  after(() => stage.stop());

  const patientIn = async (session: string, viewport?: typeof DESK) => {
    const page = await stage.page(`/demo/patient?session=${session}`, { viewport: viewport ?? DESK });
    await atRest(page);
    // Until its other sockets are bound they hear nothing.
    await page.locator('#text:enabled').waitFor();
    return page;
  };

  const strip = (page: Page, text: string) => page.locator('#elsewhere .elsewhere-text', { hasText: text });
  const titleOf = (page: Page) => page.locator('#elsewhere strong');

  const notify = (content: object) =>
    stage.server.request('post', '/users/demo-patient/notices').send(content).expect(201);

  const made = (id: string, participants: string[]) =>
    stage.server
      .request('post', '/sessions')
      .send({ id, type: 3, name: id, participants: participants.map((each) => ({ id: each })) })
      .expect(201);

  it('show all of a notice, under its name, and lead to it', async () => {
    const patient = await patientIn('demo-team');
    const notices = patient.locator('.switch-item', { hasText: '系统通知' });
    await notify({ title: '体检提醒', content: NOTICE });
    await strip(patient, `体检提醒：${NOTICE}`).waitFor();
    await titleOf(patient)
      .filter({ hasText: /^系统通知$/ })
      .waitFor();
    await patient.locator('#sessions-open').click();
    await notices.filter({ hasText: `体检提醒：${NOTICE}` }).waitFor();
    await notices.locator('.unread').waitFor();
    await notices.click();
    await patient.locator('.line-text', { hasText: `体检提醒：${NOTICE}` }).waitFor();
    await patient.getByText('系统通知，无需回复').waitFor();
    await notify({ content: '没有标题' });
    await patient.locator('.line-text', { hasText: /^没有标题$/ }).waitFor();
    for (const offered of ['#composer', '#call'])
      (await patient.locator(offered).isVisible()).should.be.false();
  });

  it('count notices, and open a talk before them', async () => {
    await notify({ title: '停诊', content: { text: '周五停诊' } });
    const patient = await stage.page('/demo/patient', { viewport: DESK });
    await atRest(patient);
    await patient.locator('#sessions-open .unread').waitFor();
    (await patient.locator('#session').inputValue()).should.not.startWith('notice:');
    (await patient.locator('#composer').isVisible()).should.be.true();
    await patient.locator('#sessions-open').click();
    await patient.locator('.switch-item', { hasText: '停诊：周五停诊' }).waitFor();
  });

  it('find a notice by its title, with what it says', async () => {
    await notify({ title: '疫苗预约', content: '周六接种' });
    const send = { type: 0, content: { title: '流感疫苗', content: '本周到货' } };
    await stage.server.request('post', '/sessions/demo-team/messages').send(send).expect(201);
    const doctor = await stage.page('/demo/doctor#demo-team', { viewport: DESK });
    await atRest(doctor);
    await doctor.locator('#find').click();
    await doctor.keyboard.type('流感疫苗');
    await doctor.locator('.hit-text', { hasText: '流感疫苗：本周到货' }).waitFor();
  });

  it('know a session that was made meanwhile', async () => {
    const patient = await patientIn('demo-team');
    const list = /\/api\/v2\/sessions\?/;
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    await patient.route(list, async (route) => {
      await released;
      await route.continue();
    });
    await made('meanwhile', ['demo-patient', 'demo-specialist']);
    await stage.server.send('meanwhile', 'demo-specialist', '新的会话里的第一条');
    await strip(patient, '新的会话里的第一条').waitFor();
    (await titleOf(patient).textContent())!.should.equal('周明远');
    // One more than the answer may know of.
    await stage.server.send('meanwhile', 'demo-specialist', '第二条');
    await strip(patient, '第二条').waitFor();
    release();
    await titleOf(patient).filter({ hasText: 'meanwhile' }).waitFor();
    await patient.locator('#session option', { hasText: 'meanwhile' }).waitFor({ state: 'attached' });
    await patient.locator('#sessions-open').click();
    const item = patient.locator('.switch-item', { hasText: '第二条' });
    await item.locator('.unread', { hasText: /^2$/ }).waitFor();
  });

  it('show the first message of a session that was empty', async () => {
    await made('empty', ['demo-patient', 'demo-specialist']);
    const patient = await patientIn('demo-team');
    await stage.server.send('empty', 'demo-specialist', '不再是空的');
    await strip(patient, '不再是空的').waitFor();
    await patient.locator('#sessions-open').click();
    const item = patient.locator('.switch-item', { hasText: 'empty' });
    (await item.locator('.session-brief').textContent())!.should.equal('不再是空的');
  });

  it('show no more what was taken back', async () => {
    const patient = await patientIn('demo-expert');
    const doctor = await stage.page('/demo/doctor#demo-team', { viewport: DESK });
    await atRest(doctor);
    await say(doctor, '说错了的话');
    await strip(patient, '说错了的话').waitFor();
    await bubble(doctor, '说错了的话').locator('.bubble').click({ button: 'right' });
    await doctor.getByRole('menuitem', { name: '撤回' }).click();
    await strip(patient, '撤回了一条消息').waitFor();
    (await patient.locator('body').innerText()).should.not.containEql('说错了的话');
    await waitUntil(
      async () => {
        await patient.locator('#sessions-open').click();
        const text = await patient.locator('.switch-list').innerText();
        await patient.keyboard.press('Escape');
        return text.includes('消息已撤回');
      },
      20_000,
      () => 'the list has heard of it',
    );
  });

  it('tell no more of what was read in another tab', async () => {
    const patient = await patientIn('demo-expert');
    await stage.server.send('demo-team', 'demo-manager', '在别处读');
    await strip(patient, '在别处读').waitFor();
    await patient.locator('#sessions-open .unread').waitFor();
    await stage.server
      .request('get', '/sessions/demo-team/messages?user_id=demo-patient&limit=1')
      .expect(200);
    await patient.locator('#elsewhere').waitFor({ state: 'hidden' });
    await patient.locator('#sessions-open').click();
    const item = patient.locator('.switch-item', { hasText: '在别处读' });
    await item.locator('.unread').waitFor({ state: 'detached' });
  });

  it('decline a second call while one goes on', async () => {
    const patient = await patientIn('demo-team');
    await patient.locator('#session option', { hasText: /^周明远$/ }).waitFor({ state: 'attached' });
    const other = await stage.page('/demo/doctor?user=demo-specialist#demo-expert', { viewport: DESK });
    const doctor = await stage.page('/demo/doctor#demo-team', { viewport: DESK });
    for (const page of [other, doctor]) await atRest(page);
    await patient.locator('#call').click();
    await doctor.locator('.round-accept').click();
    for (const page of [patient, doctor]) await page.locator('.call[data-stage="active"]').waitFor();
    await other.locator('#call').click();
    await other.locator('.toast', { hasText: '对方已拒绝' }).waitFor();
    (await patient.title()).should.not.containEql('来电');
    (await patient.locator('.call').count()).should.equal(1);
    await patient.locator('.round-end').click();
    await strip(patient, '来电，因您正在通话已婉拒').waitFor();
    (await titleOf(patient).textContent())!.should.equal('周明远');
  });

  it('say at once that the network is away', async () => {
    const patient = await patientIn('demo-team');
    const banner = patient.locator('#banner', { hasText: '网络已断开' });
    await patient.context().setOffline(true);
    await banner.waitFor({ timeout: 2_000 });
    await patient.context().setOffline(false);
    await banner.waitFor({ state: 'hidden', timeout: 2_000 });
  });

  it('lead out of a session that one is no longer in', async () => {
    await made('left', ['demo-patient', 'demo-specialist']);
    await stage.server.send('left', 'demo-specialist', '再见');
    const patient = await patientIn('left');
    await stage.server.request('delete', '/sessions/left/participants/demo-patient').expect(204);
    await patient.locator('#banner', { hasText: '您已不在这个会话中' }).waitFor();
    const back = patient.locator('#banner-again', { hasText: '返回' });
    await back.click();
    await patient.waitForURL(/\?user=demo-patient$/);
    await atRest(patient);
    should(await patient.locator('#banner').isHidden()).be.true();
  });
});
