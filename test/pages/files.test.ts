import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Page } from 'playwright-core';
import { PAGES_DIRECTORY } from '../../src/controllers/pages';
import { requireOrSkip } from '../support/databases';
import { removeFolder, temporaryFolder } from '../support/processes';
import { waitUntil } from '../support/wait-until';
import { PagesStage } from './stage';

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
        5_000,
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
    await hold(patient, 50);
    await patient.locator('.toast', { hasText: '说话时间太短' }).waitFor();
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
});
