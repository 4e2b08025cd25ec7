import { requireOrSkip } from '../support/databases';
import { APP_KEY } from '../support/server';
import { PagesStage } from './stage';

describe('The status page', function () {
  this.timeout(30_000);
  let stage: PagesStage;
  if (!requireOrSkip('chromium')) return;

  before(async () => {
    stage = await PagesStage.open();
  });
  after(() => stage.stop());

  it('says clearly that a key is wrong, and shows live figures with the right one', async () => {
    const page = await stage.page('/status');
    await page.fill('#key', 'wrong-key');
    await page.keyboard.press('Enter');
    await page.locator('#key-error', { hasText: "not one of the server's" }).waitFor();
    (await page.locator('#board').isVisible()).should.be.false();
    await page.fill('#key', '没有这个');
    await page.keyboard.press('Enter');
    await page.locator('#key-error', { hasText: 'visible ASCII' }).waitFor();

    await page.fill('#key', APP_KEY);
    await page.keyboard.press('Enter');
    await page.locator('#board').waitFor();
    (await page.locator('#sessions').textContent())!.should.equal('4');
    (await page.locator('#sockets').textContent())!.should.equal('0');
    (await page.locator('#database-state').textContent())!.should.equal('up');
    (await page.locator('#notices li').count()).should.equal(5);
    (await page.locator('#events li').count()).should.equal(3);
    // The key is nowhere in the page or its address.
    (await page.content()).should.not.containEql(APP_KEY);
    page.url().should.not.containEql(APP_KEY);

    const patient = await stage.page('/demo/patient');
    await patient.locator('[data-id]').first().waitFor();
    for (let count = 0; count < 8; count += 1) await stage.server.send('demo-group', 'demo-doctor', '你好');
    // One for each of the patient's sessions.
    await page.locator('#sockets', { hasText: '2' }).waitFor();
    await page.locator('#rate', { hasText: /^[1-9]/ }).waitFor();
    const label = await page.locator('#chart-sockets svg').getAttribute('aria-label');
    label!.should.match(/^Sockets: now 2, at most since this page was opened: 2/);
    await page.locator('#chart-rate .chart-line[d*="L"]').waitFor({ state: 'attached' });

    await page.locator('#leave').click();
    (await page.locator('#board').isVisible()).should.be.false();
    (await page.locator('#key').inputValue()).should.equal('');
    await page.goto(`${stage.server.url}/status?lang=zh`);
    await page.fill('#key', APP_KEY);
    await page.keyboard.press('Enter');
    await page.locator('#chart-sockets', { hasText: /当前 \d+刻度上限 \d+/ }).waitFor();
    (await page.locator('#state').innerText()).should.match(/^截至 \d\d:\d\d:\d\d$/);
    // The browser itself reports the refused request on its console; no script does.
    await stage.closePages(/status of 401/);
  });

  it('shows the notices that failed last, and sends one again', async () => {
    const { database } = stage.server.context;
    const time = '2026-11-22 08:00:00.000';
    const insert = (last_error: string) =>
      database.kysely
        .insertInto('notices')
        .values({
          channel: 'wechat',
          session_id: 'demo-group',
          message_id: null,
          user_id: 'demo-patient',
          state: 'failed',
          last_error,
          create_time: time,
          update_time: time,
          due_time: time,
        })
        .executeTakeFirstOrThrow();
    await insert('43004 require subscribe');
    const { insertId } = await insert('47003 argument invalid');
    const page = await stage.page('/status');
    await page.fill('#key', APP_KEY);
    await page.keyboard.press('Enter');
    const item = page.locator('#failed-panel li', { hasText: '47003 argument invalid' });
    await item.waitFor();
    // The next figures take the entry away: they wait until its answer has been seen.
    const figures = new Promise<() => Promise<void>>((resolve) => {
      void page.route('**/status', (route) => resolve(() => route.continue()), { times: 1 });
    });
    const release = await figures;
    await item.locator('button').click();
    await item.locator('button', { hasText: 'Queued again' }).waitFor();
    await release();
    const row = await database.kysely
      .selectFrom('notices')
      .select(['state', 'attempts'])
      .where('id', '=', Number(insertId))
      .executeTakeFirstOrThrow();
    row.state.should.not.equal('failed');
    // Whoever uses the keyboard goes on with the next one.
    await item.waitFor({ state: 'detached' });
    const stands = await page.evaluate<string>(`document.activeElement.parentNode.textContent`);
    stands.should.match(/43004 require subscribe/);
    await stage.closePages();
  });
});
