import { type Page } from 'playwright-core';
import should from 'should';
import { requireOrSkip } from '../support/databases';
import { APP_KEY } from '../support/server';
import { waitUntil } from '../support/wait-until';
import { atRest, bubble, DESK, PagesStage, pageScroll, PHONE } from './stage';

const WIDTHS = [360, 1440];
const LONG_WORD = `https://example.com/${'x'.repeat(300)}`;

/** The focused element, as its id or class. */
const focused = (page: Page) =>
  page.evaluate<string>(
    `document.activeElement.id || document.activeElement.dataset.part || document.activeElement.className`,
  );

describe('The pages', function () {
  this.timeout(30_000);
  let stage: PagesStage;
  if (!requireOrSkip('chromium')) return;

  before(async () => {
    stage = await PagesStage.open();
    await stage.server.send('demo-team', 'demo-patient', LONG_WORD);
  });
  afterEach(() => stage.closePages());
  after(() => stage.stop());

  for (const width of WIDTHS) {
    it(`shorten a long name at ${width} px, and keep the tag beside it whole`, async () => {
      const name = '欧阳'.repeat(16);
      const id = `D-long-${width}`;
      await stage.server.request('put', `/users/${id}`).send({ type: 'doctor', name }).expect(201);
      const joined = { participants: [{ id }] };
      await stage.server.request('post', '/sessions/demo-team/participants').send(joined).expect(200);
      await stage.server.send('demo-team', id, '您好');
      const patient = await stage.page('/demo/patient?session=demo-team', {
        viewport: { width, height: 780 },
      });
      const message = bubble(patient, '您好').last();
      await message.waitFor();
      const box = async (selector: string) => (await message.locator(selector).boundingBox())!;
      const [main, sender, tag] = [
        await box('.message-main'),
        await box('.message-sender'),
        await box('.role'),
      ];
      should(tag.x).be.above(sender.x + sender.width);
      should(tag.x + tag.width).be.belowOrEqual(main.x + main.width);
      should(tag.width).be.above(30);
      (await message.locator('.message-sender').innerText()).should.equal(name);
    });

    it(`fit into ${width} px`, async () => {
      const viewport = { width, height: 780 };
      const home = await stage.page('/', { viewport });
      (await pageScroll(home)).sideways.should.equal(0);

      const status = await stage.page('/status', { viewport });
      (await pageScroll(status)).sideways.should.equal(0);
      await status.fill('#key', APP_KEY);
      await status.keyboard.press('Enter');
      await status.locator('#board').waitFor();
      (await pageScroll(status)).sideways.should.equal(0);

      const patient = await stage.page('/demo/patient', { viewport });
      await bubble(patient, LONG_WORD).waitFor();
      should(await pageScroll(patient)).eql({ sideways: 0, down: 0 });
      await patient.locator('[data-part="attach"]').click();
      await patient.locator('.attach-kind').nth(3).click();
      const dialog = (await patient.locator('.dialog').boundingBox())!;
      (dialog.x >= 0 && dialog.x + dialog.width <= width).should.be.true();
      should(await pageScroll(patient)).eql({ sideways: 0, down: 0 });

      const doctor = await stage.page('/demo/doctor', { viewport });
      await doctor.locator('[data-session="demo-team"]').click();
      await bubble(doctor, LONG_WORD).waitFor();
      should(await pageScroll(doctor)).eql({ sideways: 0, down: 0 });
      (await doctor.locator('.side').isVisible()).should.equal(width >= 820);
      if (width < 1200) await doctor.locator('#show-details').click();
      await doctor.locator('.person').first().waitFor();
      should(await pageScroll(doctor)).eql({ sideways: 0, down: 0 });
      if (width < 1200) await doctor.locator('#hide-details').click();
      if (width >= 820) return;
      await doctor.goBack();
      await doctor.locator('.session').first().waitFor();
      should(await pageScroll(doctor)).eql({ sideways: 0, down: 0 });
    });
  }

  const windows: [size: string, viewport: { width: number; height: number }, open: boolean][] = [
    ['a desk', DESK, true],
    ['a low window', { width: 1440, height: 560 }, false],
    ['a phone', PHONE, false],
    ['a phone on its side', { width: 844, height: 390 }, false],
  ];
  for (const [size, viewport, open] of windows) {
    it(`leave the list its room beside what a phone would show, at ${size}`, async () => {
      const doctor = await stage.page('/demo/doctor', { viewport });
      await doctor.locator('.session').first().waitFor();
      await stage.server.send('demo-group', 'demo-manager', '在吗');
      await stage.server.send('demo-team', 'demo-patient', '在吗');
      await doctor.locator('.phone-banner').nth(1).waitFor({ state: 'attached' });
      const card = doctor.locator('#phone');
      const isOpen = await doctor.evaluate<boolean>(`document.querySelector('#phone').open`);
      isOpen.should.equal(open);
      for (const care of [false, true]) {
        if (care) await doctor.locator('[data-part="care"]').click();
        if (!(await doctor.locator('.phone-banner').first().isVisible()))
          await card.locator('summary').click();
        const list = (await doctor.locator('#sessions').boundingBox())!;
        list.height.should.be.above(170);
        const shown = (await card.boundingBox())!;
        shown.y.should.be.aboveOrEqual(list.y + list.height - 1);
        should(await pageScroll(doctor)).eql({ sideways: 0, down: 0 });
      }
    });
  }

  it('can be used by keyboard alone', async () => {
    const doctor = await stage.page('/demo/doctor', { viewport: { width: 360, height: 780 } });
    await doctor.locator('.session').first().waitFor();
    await doctor.locator('#search').focus();
    for (let turn = 0; turn < 4; turn += 1) await doctor.keyboard.press('Tab');
    (await focused(doctor)).should.equal('session-open');
    await doctor.keyboard.press('Enter');
    await doctor.locator('[data-id]').first().waitFor();

    const patient = await stage.page('/demo/patient');
    await atRest(patient);
    const seen: string[] = [];
    for (let turn = 0; turn < 40 && seen.at(-1) !== 'text'; turn += 1) {
      await patient.keyboard.press('Tab');
      seen.push(await focused(patient));
      const outline = await patient.evaluate<string>(`getComputedStyle(document.activeElement).outlineStyle`);
      outline.should.not.equal('none', seen.join(' '));
    }
    for (const stop of ['guide-open', 'call', 'messages', 'attach', 'text']) seen.should.containEql(stop);
    await patient.keyboard.type('键盘写的');
    await patient.keyboard.press('Shift+Enter');
    await patient.keyboard.type('第二行');
    await patient.keyboard.press('Enter');
    await bubble(doctor, '键盘写的\n第二行').waitFor();
    (await focused(patient)).should.equal('text');

    // A dialog keeps the focus, and Escape gives it back.
    await patient.keyboard.press('Shift+Tab');
    await patient.keyboard.press('Enter');
    (await focused(patient)).should.equal('attach-kind');
    for (const key of ['Tab', 'Tab', 'Tab', 'Enter']) await patient.keyboard.press(key);
    await patient.locator('.dialog').waitFor();
    for (let turn = 0; turn < 6; turn += 1) {
      await patient.keyboard.press('Tab');
      (
        await patient.evaluate<boolean>(`document.activeElement.closest('.dialog') !== null`)
      ).should.be.true();
    }
    await patient.keyboard.press('Escape');
    await patient.locator('.dialog').waitFor({ state: 'detached' });
    (await focused(patient)).should.equal('attach');
  });

  it('name every control, and tell of messages politely', async () => {
    const patient = await stage.page('/demo/patient');
    const doctor = await stage.page('/demo/doctor#demo-team', { viewport: DESK });
    await doctor.locator('.topic-list button').first().waitFor();
    for (const page of [patient, doctor]) {
      await atRest(page);
      const nameless = await page.evaluate<
        string[]
      >(`[...document.querySelectorAll('button, input, select, textarea, a')]
        .filter((each) => !(each.getAttribute('aria-label') || each.textContent.trim() || (each.labels || []).length
          || each.querySelector('img[alt]:not([alt=""])')))
        .map((each) => each.outerHTML)`);
      nameless.should.eql([]);
      // Each of a list has a name of its own.
      const names = await page.evaluate<
        string[]
      >(`[...document.querySelectorAll('.sessions button, .topic-list button')]
        .map((each) => each.getAttribute('aria-label') || each.textContent)`);
      names.should.eql([...new Set(names)]);
      const log = page.locator('[role="log"]');
      (await log.getAttribute('aria-live'))!.should.equal('polite');
      (await log.getAttribute('aria-busy'))!.should.equal('false');
    }
  });

  it('stand still for those who want it', async () => {
    const patient = await stage.page('/demo/patient');
    await patient.emulateMedia({ reducedMotion: 'reduce' });
    await patient.locator('[data-id]').first().waitFor();
    const seconds = await patient.evaluate<number>(
      `parseFloat(getComputedStyle(document.querySelector('.button')).transitionDuration)`,
    );
    seconds.should.be.below(0.001);
  });

  it('work over plain http on another host name, but for calls, which say why', async () => {
    const address = stage.server.url.replace('127.0.0.1', 'im.test');
    const home = await stage.page(`${address}/`);
    await home.locator('h1').waitFor();
    const patient = await stage.page(`${address}/demo/patient?session=demo-expert`);
    await patient.locator('[data-id]').first().waitFor();
    // The demo's pictures come from where the page came from, though they were stored under another name.
    const team = await stage.page(`${address}/demo/doctor#demo-team`, { viewport: DESK });
    const picture = team.locator('.picture').first();
    await picture.waitFor();
    (await picture.getAttribute('src'))!.should.startWith(address);
    await waitUntil(
      () => team.evaluate<boolean>(`document.querySelector('.picture').naturalWidth > 0`),
      20_000,
      () => 'the picture is loaded',
    );
    await patient.locator('#text:enabled').fill('局域网');
    await patient.locator('#text').press('Enter');
    await bubble(patient, '局域网').locator('.receipt').waitFor();
    await patient.locator('#call').click();
    await patient.locator('.toast', { hasText: 'https' }).waitFor();
  });
});
