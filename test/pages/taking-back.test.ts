import { requireOrSkip } from '../support/databases';
import { atRest, bubble, DESK, PagesStage, PHONE, say } from './stage';

describe('The demo pages, on what can be done with a message', function () {
  this.timeout(30_000);
  let stage: PagesStage;
  if (!requireOrSkip('chromium')) return;

  before(async () => {
    stage = await PagesStage.open();
  });
  afterEach(() => stage.closePages());
  after(() => stage.stop());

  it('show one that was taken back as such: at once, in the list, and after a reload', async () => {
    const { patient, doctor } = await stage.both();
    await say(patient, '发错了');
    const shown = bubble(doctor, '发错了');
    await shown.waitFor();
    const id = await shown.getAttribute('data-id');
    await stage.server
      .request('delete', `/sessions/demo-team/messages/${id}?user_id=demo-patient`)
      .expect(200);
    const line = `[data-id="${id}"] .line-recalled`;
    await doctor.locator(line, { hasText: '王建国撤回了一条消息' }).waitFor();
    await patient.locator(line, { hasText: '你撤回了一条消息' }).waitFor();
    await doctor.locator('[data-session="demo-team"]', { hasText: '消息已撤回' }).waitFor();
    await doctor.reload();
    await doctor.locator(line).waitFor();
    await doctor.locator('[data-session="demo-team"]', { hasText: '消息已撤回' }).waitFor();
    (await doctor.getByText('发错了').count()).should.equal(0);
    const other = await stage.page('/demo/doctor#demo-doctors', { viewport: DESK });
    await other.locator('[data-session="demo-team"]', { hasText: '消息已撤回' }).waitFor();
  });

  it('quote one by the pointer, and lead to what was quoted', async () => {
    const { patient, doctor } = await stage.both();
    await say(patient, '早上血压 150');
    await bubble(doctor, '早上血压 150').locator('.bubble').click({ button: 'right' });
    await doctor.getByRole('menuitem', { name: '引用' }).click();
    await say(doctor, '晚上再量一次');
    const quote = bubble(patient, '晚上再量一次').locator('button.quote');
    (await quote.textContent())!.should.equal('王建国：早上血压 150');
    await quote.click();
    await patient.locator('.message.found', { hasText: '早上血压 150' }).waitFor();
    // Nobody takes back what is another one's.
    await bubble(doctor, '早上血压 150').locator('.bubble').click({ button: 'right' });
    await doctor.getByRole('menu').waitFor();
    (await doctor.getByRole('menuitem').allTextContents()).should.eql(['复制', '引用']);
    await doctor.keyboard.press('Escape');
    await doctor.getByRole('menu').waitFor({ state: 'detached' });
  });

  it('take one back by the keyboard, and write it anew', async () => {
    const { patient, doctor } = await stage.both();
    await say(patient, '我叫王剑国');
    const id = await bubble(doctor, '我叫王剑国').getAttribute('data-id');
    await say(doctor, '好，知道了');
    await bubble(patient, '好，知道了').waitFor();
    await patient.locator('#text').focus();
    // From the composer back over its menu's button to the newest message's, and one message up.
    for (const key of ['Shift+Tab', 'Shift+Tab', 'ArrowUp', 'Enter']) await patient.keyboard.press(key);
    const menu = patient.getByRole('menu');
    await menu.waitFor();
    (await menu.getByRole('menuitem').allTextContents()).should.eql(['复制', '引用', '撤回']);
    await patient.keyboard.press('End');
    await patient.keyboard.press('Enter');
    await doctor.locator(`[data-id="${id}"] .line-recalled`, { hasText: '王建国撤回了一条消息' }).waitFor();
    (await bubble(doctor, '我叫王剑国').count()).should.equal(0);
    await patient.getByRole('button', { name: '重新编辑' }).click();
    (await patient.locator('#text').inputValue()).should.equal('我叫王剑国');
    await patient.locator('#text').fill('我叫王建国');
    await patient.locator('#text').press('Enter');
    await bubble(doctor, '我叫王建国').waitFor();
  });

  it('open the menu by a long press', async () => {
    const context = { viewport: PHONE, hasTouch: true, isMobile: true };
    const patient = await stage.page('/demo/patient', context);
    await atRest(patient);
    await say(patient, '按住这条');
    await bubble(patient, '按住这条').locator('.receipt').waitFor();
    const box = (await bubble(patient, '按住这条').locator('.bubble').boundingBox())!;
    const touch = await patient.context().newCDPSession(patient);
    const touchPoints = [{ x: box.x + box.width / 2, y: box.y + box.height / 2 }];
    await touch.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints });
    await patient.getByRole('menuitem', { name: '撤回' }).waitFor();
    await touch.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    await patient.getByRole('menuitem', { name: '复制' }).click();
    await patient.locator('.toast', { hasText: '已复制' }).waitFor();
  });

  it('find what was said, and lead to its place far up', async () => {
    await stage.server.send('demo-expert', 'demo-specialist', '请做一次 24 小时动态心电图');
    for (let count = 1; count <= 60; count += 1) {
      await stage.server.send('demo-expert', 'demo-specialist', `第${count}条`);
    }
    await stage.server
      .request('get', '/sessions/demo-expert/messages?user_id=demo-patient&limit=1')
      .expect(200);
    const patient = await stage.page('/demo/patient?session=demo-expert');
    await bubble(patient, '第60条').waitFor();
    (await bubble(patient, '动态心电图').count()).should.equal(0);
    await patient.locator('[data-part="attach"]').click();
    await patient.locator('.attach-kind', { hasText: '查找记录' }).click();
    await patient.keyboard.type('动态心电');
    const hit = patient.locator('.hit', { hasText: '24 小时动态心电图' });
    // It looks for what is typed so far, too.
    await hit.locator('mark', { hasText: '动态心电' }).waitFor();
    await hit.click();
    await patient.locator('.message.found', { hasText: '动态心电图' }).waitFor();
    await patient.locator('.jump').click();
    await bubble(patient, '第60条').waitFor();
  });
});
