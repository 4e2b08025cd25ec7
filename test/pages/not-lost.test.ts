import { type Page } from 'playwright-core';
import { requireOrSkip } from '../support/databases';
import { DESK, PagesStage } from './stage';

const TOPIC = 'demo-topic-pressure';

/** Pastes what a clipboard holds: texts by their types, and a picture. */
const paste = (page: Page, texts: Record<string, string>, hasPicture: boolean) =>
  page.evaluate(`(function (input, texts) {
    var data = new DataTransfer();
    Object.keys(texts).forEach(function (type) { data.setData(type, texts[type]); });
    if (${hasPicture}) data.items.add(new File(['x'], 'cells.png', { type: 'image/png' }));
    var event = new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
    return input.dispatchEvent(event);
  })(document.querySelector('#text'), ${JSON.stringify(texts)})`);

describe('What the pages do not lose without a word', function () {
  this.timeout(30_000);
  let stage: PagesStage;
  if (!requireOrSkip('chromium')) return;

  before(async () => {
    stage = await PagesStage.open();
  });
  afterEach(() => stage.closePages(/^error: Failed to load resource/));
  after(() => stage.stop());

  it('is a closing word that comes after the other side has ended the consultation', async () => {
    const doctor = await stage.page('/demo/doctor#demo-team', { viewport: DESK });
    await doctor.locator('#topic button', { hasText: '结束咨询' }).click();
    await doctor.locator('.dialog textarea').fill('请继续服药，一周后复查');
    await stage.server
      .request('put', `/sessions/demo-team/topics/${TOPIC}/ended`)
      .send({ user_id: 'demo-patient' })
      .expect(200);
    await doctor.locator('#topic', { hasText: '发起咨询' }).waitFor();
    await doctor.locator('.dialog button[type="submit"]').click();
    await doctor.locator('.toast', { hasText: '咨询已由对方结束' }).waitFor();
    (await doctor.locator('#text').inputValue()).should.equal('请继续服药，一周后复查');
  });

  it('is text that comes with a picture of itself, such as cells of a table', async () => {
    const doctor = await stage.page('/demo/doctor#demo-team', { viewport: DESK });
    await doctor.locator('#text:enabled').waitFor();
    // Whether the browser pastes it as it would.
    (await paste(
      doctor,
      { 'text/plain': '血压\t128', 'text/html': '<table></table>' },
      true,
    ))!.should.be.true();
    (await paste(doctor, { 'text/html': '<img>' }, true))!.should.be.false();
  });

  it('is the end of a text that is too long', async () => {
    const doctor = await stage.page('/demo/doctor#demo-team', { viewport: DESK });
    await doctor.locator('#text:enabled').waitFor();
    await doctor.locator('#text').fill('好'.repeat(4_000));
    await paste(doctor, { 'text/plain': '好'.repeat(1_000) }, false);
    await doctor.waitForTimeout(200);
    (await doctor.locator('.toast').count()).should.equal(0);
    await paste(doctor, { 'text/plain': '好'.repeat(1_001) }, false);
    await doctor.locator('.toast', { hasText: '最多5000字' }).waitFor();
  });

  it('is a picture that does not come any more', async () => {
    const doctor = await stage.page('/demo/doctor#demo-team', { viewport: DESK });
    await doctor.locator('.picture-link').first().waitFor();
    await doctor.evaluate(`(function (link) {
      link.href = '/demo/no-such.png';
      link.click();
    })(document.querySelector('.picture-link'))`);
    await doctor.locator('.viewer-missing', { hasText: '图片无法加载' }).waitFor();
    await doctor.locator('.viewer-image').waitFor({ state: 'hidden' });
  });

  it('are the consultations that wait longest, and those that have ended', async () => {
    const waiting = 205;
    const others = [{ id: 'demo-doctor' }, { id: 'demo-patient' }];
    for (let count = 0; count < waiting; count += 1) {
      await stage.server
        .request('post', `/sessions/waits-${count}/topics`)
        .send({
          session_id: `waiting-${count}`,
          session_name: `患者${count}`,
          session_type: 1,
          participants: others,
          user_id: 'demo-patient',
          name: `等待${count}`,
        })
        .expect(201);
    }
    const doctor = await stage.page('/demo/doctor', { viewport: DESK });
    await doctor.locator('[data-state="waiting"]', { hasText: String(waiting) }).click();
    await doctor.locator('[data-session="waiting-0"]').waitFor();
    (await doctor.locator('[data-session]').count()).should.be.aboveOrEqual(waiting);
    // Its session has had another one since.
    await stage.server
      .request('put', '/sessions/waiting-7/topics/current/ended')
      .send({ user_id: 'demo-doctor' })
      .expect(200);
    await stage.server
      .request('post', '/sessions/waits-again/topics')
      .send({ session_id: 'waiting-7', user_id: 'demo-patient', name: '又来了' })
      .expect(201);
    await doctor.locator('[data-state="ended"]').click();
    await doctor.locator('[data-session="waiting-7"]').waitFor();
  });
});
