import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Dialog, type Locator, type Page } from 'playwright-core';
import { PAGES_DIRECTORY } from '../../src/controllers/pages';
import { requireOrSkip } from '../support/databases';
import { removeFolder, temporaryFolder } from '../support/processes';
import { waitUntil } from '../support/wait-until';
import { atRest, bubble, PagesStage, PHONE, say } from './stage';

const MEDIA = path.join(PAGES_DIRECTORY, 'demo-assets', 'media');
const picture = (name: string) => path.join(MEDIA, name);
/** Those of this test, not the demo's own. */
const UPLOADED = '.message:has([href*="/api/v2/files/"])';

/** Chooses an entry of the menu, and files for it. */
async function choose(page: Page, kind: string, files: string[]): Promise<void> {
  await page.locator('[data-part="attach"]').click();
  const chooser = page.waitForEvent('filechooser');
  await page.locator('.attach-kind', { hasText: kind }).click();
  await (await chooser).setFiles(files);
}

/** Holds the button for voices down, and goes on for so long from when it records. */
async function hold(page: Page, milliseconds: number): Promise<void> {
  await page.locator('[data-part="hold"]').hover();
  await page.mouse.down();
  await page.locator('.recording').waitFor();
  await page.waitForTimeout(milliseconds);
  await page.mouse.up();
}

/** Holds it down until it records, and no longer: from outside a machine that is busy may let go a second later. */
async function holdShortly(page: Page): Promise<void> {
  await page.evaluate(`(function (button) {
    new MutationObserver(function (_changes, observer) {
      if (!button.classList.contains('recording')) return;
      observer.disconnect();
      button.dispatchEvent(new PointerEvent('pointerup'));
    }).observe(button, { attributeFilter: ['class'] });
  })(document.querySelector('[data-part="hold"]'))`);
  await page.locator('[data-part="hold"]').hover();
  await page.mouse.down();
  await page.locator('.toast', { hasText: '说话时间太短' }).waitFor();
  await page.mouse.up();
}

/** A finger that goes from the middle of the page sideways. */
async function swipe(page: Page, distance: number): Promise<void> {
  const touch = await page.context().newCDPSession(page);
  const at = (x: number) => [{ x: PHONE.width / 2 + x, y: PHONE.height / 2 }];
  await touch.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: at(0) });
  for (const part of [0.5, 1])
    await touch.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: at(distance * part) });
  await touch.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
}

/** An expression for a DataTransfer that carries a picture. */
const CARRIED = `(function (text) {
  const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], 'a.png', { type: 'image/png' }));
  return carried;
})('${readFileSync(picture('measure.png')).toString('base64')}')`;

describe('The demo pages, with files', function () {
  this.timeout(30_000);
  let stage: PagesStage;
  const folder = temporaryFolder('im-files-');
  if (!requireOrSkip('chromium')) return;

  before(async () => {
    stage = await PagesStage.open({ IM_FILES: `file:${folder}` });
  });
  after(async () => {
    await stage.stop();
    removeFolder(folder);
  });

  it('send several pictures in their order, and show them large', async () => {
    const { patient, doctor } = await stage.both();
    await choose(patient, '图片', [picture('pressure.png'), picture('vaccine.png')]);
    const shown = doctor.locator(UPLOADED);
    await shown.nth(1).waitFor();
    const loaded = `[...document.querySelectorAll('.picture')].every((each) => each.naturalWidth > 0)`;
    for (const page of [patient, doctor]) {
      await waitUntil(
        () => page.evaluate<boolean>(loaded),
        20_000,
        () => 'the pictures are loaded',
      );
    }
    const small = await shown.first().locator('img').getAttribute('src');
    small!.should.match(/size=thumbnail/);
    await shown.first().locator('a').click();
    const viewer = doctor.getByRole('dialog', { name: '查看图片' });
    const all = await doctor.locator('.picture-link').count();
    await viewer.getByText(`${all - 1} / ${all}`).waitFor();
    (await viewer.locator('img').getAttribute('src'))!.should.not.match(/size=thumbnail/);
    await doctor.keyboard.press('ArrowRight');
    await viewer.getByText(`${all} / ${all}`).waitFor();
    await doctor.keyboard.press('Escape');
    await viewer.waitFor({ state: 'detached' });
    await stage.closePages();
  });

  it('turn over large pictures by swiping, and close them by a tap', async () => {
    const patient = await stage.page('/demo/patient', { hasTouch: true, isMobile: true });
    await atRest(patient);
    const before = await patient.locator('.message:not(.uploading, .pending) .picture-link').count();
    await choose(patient, '图片', [picture('vaccine.png'), picture('pressure.png')]);
    await patient
      .locator('.message:not(.uploading, .pending) .picture-link')
      .nth(before + 1)
      .waitFor();
    await atRest(patient);
    const all = await patient.locator('.picture-link').count();
    await patient.locator('.picture-link').last().click();
    const viewer = patient.getByRole('dialog', { name: '查看图片' });
    await viewer.getByText(`${all} / ${all}`).waitFor();
    await swipe(patient, 120);
    await viewer.getByText(`${all - 1} / ${all}`).waitFor();
    await swipe(patient, -120);
    await viewer.getByText(`${all} / ${all}`).waitFor();
    // Nothing comes after the last, and a short slip is no swipe.
    await swipe(patient, -120);
    await swipe(patient, 20);
    await viewer.getByText(`${all} / ${all}`).waitFor();
    await patient.touchscreen.tap(PHONE.width / 2, PHONE.height / 2);
    await viewer.waitFor({ state: 'detached' });
    await stage.closePages();
  });

  it('quote a picture, and answer to a quoted text by pictures and an article, the first of which carries it', async () => {
    const { patient, doctor } = await stage.both();
    const quote = async (page: Page, message: Locator) => {
      // A picture that gets its height moves the list, and with it what is to be clicked.
      await message.waitFor();
      await atRest(page);
      await message.locator('.bubble').click({ button: 'right' });
      await page.getByRole('menuitem', { name: '引用' }).click();
      await page.locator('.quote-bar').waitFor();
    };
    const before = await patient.locator(UPLOADED).count();
    await say(doctor, '请拍一下血压计');
    await quote(patient, bubble(patient, '请拍一下血压计'));
    await choose(patient, '图片', [picture('pressure.png'), picture('vaccine.png')]);
    await patient.locator('.quote-bar').waitFor({ state: 'hidden' });
    const first = doctor.locator(UPLOADED).nth(before);
    await first.locator('.quote', { hasText: '李慧：请拍一下血压计' }).waitFor();
    const second = doctor.locator(UPLOADED).nth(before + 1);
    await second.waitFor();
    (await second.locator('.quote').count()).should.equal(0);

    await quote(doctor, first);
    await say(doctor, '偏高，明天再量一次');
    await bubble(patient, '偏高，明天再量一次').locator('.quote', { hasText: '王建国：[图片]' }).waitFor();
    await bubble(doctor, '偏高，明天再量一次').locator('.receipt').waitFor();
    await quote(doctor, bubble(doctor, '偏高，明天再量一次'));
    await doctor.locator('[data-part="attach"]').click();
    await doctor.locator('.attach-kind', { hasText: '文章' }).click();
    await doctor.locator('.dialog button[type="submit"]').click();
    const article = patient.locator('.message', { has: patient.locator('.card-article') }).last();
    await article.locator('.quote', { hasText: '李慧：偏高，明天再量一次' }).waitFor();
    await stage.closePages();
  });

  it('take dropped and pasted pictures, and a video', async () => {
    const { patient, doctor } = await stage.both();
    const before = await patient.locator(UPLOADED).count();
    await doctor.evaluate(`document.querySelector('#conversation')
      .dispatchEvent(new DragEvent('drop', { dataTransfer: ${CARRIED}, bubbles: true, cancelable: true }))`);
    await patient.locator(UPLOADED).nth(before).waitFor();
    await doctor.evaluate(`document.querySelector('#text')
      .dispatchEvent(new ClipboardEvent('paste', { clipboardData: ${CARRIED}, bubbles: true, cancelable: true }))`);
    await patient
      .locator(UPLOADED)
      .nth(before + 1)
      .waitFor();
    await choose(doctor, '小视频', [picture('measure.webm')]);
    await patient.locator('.film[src*="/api/v2/files/"]').waitFor();
    await stage.closePages();
  });

  it('record a voice while a button is held, and say what forbids it', async () => {
    const { patient, doctor } = await stage.both();
    const before = await doctor.locator('.voice').count();
    await patient.locator('[data-part="attach"]').click();
    await patient.locator('.attach-kind', { hasText: '语音' }).click();
    await holdShortly(patient);
    await hold(patient, 1_300);
    const voice = doctor.locator('.voice').nth(before);
    await voice.locator('.voice-length', { hasText: /^[1-4]″$/ }).waitFor();
    await voice.click();
    await doctor.locator('.voice.playing').waitFor();
    (await voice.getAttribute('class'))!.should.not.match(/voice-unheard/);
    await patient.evaluate(
      `navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'))`,
    );
    await patient.locator('[data-part="hold"]').click();
    await patient.locator('.toast', { hasText: '没有麦克风权限' }).waitFor();
    await stage.closePages();
  });

  it('cancel an upload, and repeat one that failed', async () => {
    const { patient, doctor } = await stage.both();
    const before = await doctor.locator(UPLOADED).count();
    await patient.route('**/api/v2/files', () => undefined);
    await choose(patient, '图片', [picture('measure.png')]);
    const uploading = patient.locator('.message.uploading');
    await uploading.locator('progress').waitFor();
    await uploading.getByRole('button', { name: '取消' }).click();
    await uploading.waitFor({ state: 'detached' });
    await patient.unroute('**/api/v2/files');
    await patient.route('**/api/v2/files', (route) => route.abort());
    await choose(patient, '图片', [picture('measure.png')]);
    const failed = patient.locator('.message.failed');
    await failed.waitFor();
    await patient.unroute('**/api/v2/files');
    await failed.getByRole('button', { name: '重试' }).click();
    await doctor.locator(UPLOADED).nth(before).waitFor();
    await stage.closePages(/Failed to load resource/);
  });

  it('ask before a picture is lost that is not uploaded yet', async () => {
    const patient = await stage.page('/demo/patient');
    await atRest(patient);
    const asked: string[] = [];
    // In the place of the stage's own, which counts every dialog as a fault.
    patient.removeAllListeners('dialog');
    patient.on('dialog', (dialog: Dialog) => {
      asked.push(dialog.type());
      void dialog.dismiss();
    });
    const toAnotherSession = async () => {
      await patient.locator('#sessions-open').click();
      await patient.locator('.switch-item:not(.current)').first().click();
    };
    const address = patient.url();
    const before = await patient.locator(UPLOADED).count();
    let goOn!: () => void;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    await patient.route('**/api/v2/files', async (route) => {
      await held;
      await route.continue();
    });
    await choose(patient, '图片', [picture('measure.png')]);
    await patient.locator('.message.uploading progress').waitFor();
    await toAnotherSession();
    await waitUntil(
      () => asked.length > 0,
      20_000,
      () => 'the page asks',
    );
    asked.should.eql(['beforeunload']);
    patient.url().should.equal(address);
    await patient.keyboard.press('Escape');
    goOn();
    await patient.locator(UPLOADED).nth(before).waitFor();
    await toAnotherSession();
    await patient.waitForURL((url) => url.href !== address);
    asked.length.should.equal(1);
    await stage.closePages();
  });
});
