import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { type Page } from 'playwright-core';
import { endBrowser } from '../support/browser';
import { APP_KEY } from '../support/server';
import { bubble, DESK, PagesStage, PHONE, say } from './stage';

/**
 * Takes the readme's pictures anew: npx ts-node --transpileOnly test/pages/screenshots.ts [folder] [dark]
 */
const SIZES = { phone: PHONE, desk: DESK };

/** Says `text` with `quoted` above it. */
async function answer(page: Page, quoted: string, text: string): Promise<void> {
  await bubble(page, quoted).locator('.bubble').click({ button: 'right' });
  await page.getByRole('menuitem', { name: '引用' }).click();
  await say(page, text);
  await page.mouse.move(0, 0);
}

async function main(folder: string, colorScheme: 'light' | 'dark'): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const stage = await PagesStage.open();
  const shot = (page: Page, name: string) => page.screenshot({ path: path.join(folder, `${name}.png`) });
  try {
    for (const [size, viewport] of Object.entries(SIZES)) {
      const touch = size === 'phone' ? { hasTouch: true, isMobile: true } : {};
      const options = { viewport, colorScheme, ...touch };
      const home = await stage.page('/', options);
      await shot(home, `home-${size}`);

      const status = await stage.page('/status', options);
      // No picture names the machine that it was taken on.
      await status.route('**/status', async (route) => {
        const response = await route.fetch();
        const body = (await response.json()) as { process: { id: string } };
        body.process.id = 'im-1:4711';
        await route.fulfill({ response, json: body });
      });
      await status.fill('#key', APP_KEY);
      await status.keyboard.press('Enter');

      const patient = await stage.page('/demo/patient', options);
      await patient.locator('[data-id]').first().waitFor();
      const doctor = await stage.page(`/demo/doctor${size === 'desk' ? '#demo-team' : ''}`, options);
      await doctor.locator('.session').first().waitFor();
      if (size === 'phone') {
        await shot(doctor, 'doctor-list-phone');
        await doctor.locator('[data-session="demo-team"]').click();
      }
      await doctor.locator('[data-id]').first().waitFor();
      if (size === 'phone') {
        await say(patient, '好的，我从今晚开始记录。');
        await answer(doctor, '好的，我从今晚开始记录。', '很好，三天后我们再看。有不舒服随时告诉我。');
        await bubble(patient, '三天后我们再看').waitFor();
        // What can be done with a message, on a phone by a long press.
        await say(patient, '今天早上量的是 132');
        await bubble(patient, '今天早上量的是 132').locator('.receipt', { hasText: '已读' }).waitFor();
        await bubble(patient, '今天早上量的是 132').locator('.bubble').click({ button: 'right' });
        await patient.getByRole('menuitem', { name: '引用' }).waitFor();
        await shot(patient, 'menu-phone');
        await patient.locator('.bar-title').click();
      } else {
        // What the doctor's phone would show.
        await stage.server.send('demo-group', 'demo-manager', '明天上午九点查房');
        await stage.server.send('demo-team', 'demo-manager', '血压记录表已经发给王叔了。');
        await doctor.locator('.phone-banner').nth(1).waitFor();
      }
      await doctor.locator('#text').pressSequentially('记得');
      await patient.waitForTimeout(800);
      await shot(patient, `patient-${size}`);
      await doctor.locator('#text').fill('');
      await shot(doctor, `doctor-${size}`);

      await doctor.locator('#call').click();
      await patient.locator('.round-accept').waitFor();
      await patient.waitForTimeout(300);
      if (size === 'phone') await shot(patient, 'ringing-phone');
      await patient.locator('.round-accept').click();
      await doctor.locator('.call[data-stage="active"]').waitFor();
      await doctor.waitForTimeout(1_500);
      await shot(doctor, `call-${size}`);
      await doctor.locator('.round-end').click();

      for (let count = 0; count < (size === 'desk' ? 400 : 120); count += 1) {
        await stage.server.send('demo-group', 'demo-manager', '随访名单');
        await status.waitForTimeout(40 + 90 * (1 + Math.sin(count / 6)));
      }
      await shot(status, `status-${size}`);
      await stage.server
        .request('get', '/sessions/demo-group/messages?user_id=demo-doctor&limit=1')
        .expect(200);
      await stage.closePages();
    }
  } finally {
    await stage.stop();
    await endBrowser();
  }
}

void main(process.argv[2] ?? 'doc/images', process.argv[3] === 'dark' ? 'dark' : 'light');
