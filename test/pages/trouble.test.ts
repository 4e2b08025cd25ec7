import { type Page } from 'playwright-core';
import { requireOrSkip } from '../support/databases';
import { atRest, bubble, DESK, PagesStage, say } from './stage';

/** The browser itself says so of a request that failed. */
const LOAD_FAILED = /Failed to load resource/;

describe('The demo pages, when a request fails', function () {
  this.timeout(30_000);
  let stage: PagesStage;
  if (!requireOrSkip('chromium')) return;

  before(async () => {
    stage = await PagesStage.open();
  });
  after(() => stage.stop());

  /** Loads the page again, and the first request for `pattern` fails. */
  async function reloadWithout(page: Page, pattern: RegExp): Promise<void> {
    await page.route(pattern, (route) => route.abort(), { times: 1 });
    await page.reload();
  }

  for (const [title, path, pattern, text] of [
    ['the patient’s session', '/demo/patient', /\/sessions\/demo-team\/session/, '会话打不开'],
    ['the patient’s consultation', '/demo/patient', /\/sessions\/topics\?/, '会话打不开'],
    ['the doctor’s list', '/demo/doctor#demo-team', /\/api\/v2\/sessions\?/, '会话加载失败'],
  ] as const) {
    it(`say so, and go on at a click: ${title}`, async () => {
      const page = await stage.page(path, { viewport: DESK });
      await page.locator('[data-id]').first().waitFor();
      await reloadWithout(page, pattern);
      await page.locator('#banner', { hasText: text }).waitFor();
      await page.locator('#banner-again').click();
      await page.locator('[data-id]').first().waitFor();
      (await page.locator('#banner').isHidden()).should.be.true();
      await stage.closePages(LOAD_FAILED);
    });
  }

  it('show what could not be sent, also after a reload', async () => {
    await stage.server.request('put', '/sessions/demo-team/participants/demo-doctor').send({});
    const page = await stage.page('/demo/doctor#demo-team', { viewport: DESK });
    await page.locator('[data-id]').first().waitFor();
    const entry = {
      session_id: 'demo-team',
      type: 1,
      content: '没有发出',
      client_msg_id: 'failed-1',
      state: 'failed',
    };
    const value = JSON.stringify({ ...entry, problem: '网络不通' });
    await page.evaluate(
      `localStorage.setItem('im-demo:unsent:demo-doctor:failed-1', ${JSON.stringify(value)})`,
    );
    await page.reload();
    await page.locator('.message.failed', { hasText: '没有发出' }).waitFor();
    await stage.closePages();
  });

  it('show one’s own message, sent while older ones are loading', async () => {
    for (let n = 0; n < 100; n += 1) await stage.server.send('demo-team', 'demo-doctor', `未读 ${n}`);
    const page = await stage.page('/demo/patient');
    await page.route(/\/messages\?/, async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      await route.continue();
    });
    await page.reload();
    await page.locator('#text:not([disabled])').waitFor();
    await say(page, '边加载边发送');
    // As one that was stored: while it is on its way it has no receipt.
    await bubble(page, '边加载边发送').locator('.receipt').waitFor();
    await stage.closePages();
  });

  it('leave a session of which one is removed', async () => {
    const page = await stage.page('/demo/doctor#demo-team', { viewport: DESK });
    // What it still asked for would be refused.
    await atRest(page);
    await stage.server.request('delete', '/sessions/demo-team/participants/demo-doctor').expect(204);
    await page.getByText('您已不在这个会话中').waitFor();
    await page.locator('[data-session="demo-team"]').waitFor({ state: 'detached' });
    await stage.closePages();
  });
});
