import path from 'node:path';
import { type Page } from 'playwright-core';
import should from 'should';
import { PAGES_DIRECTORY } from '../../src/controllers/pages';
import { requireOrSkip } from '../support/databases';
import { removeFolder, temporaryFolder } from '../support/processes';
import { waitUntil } from '../support/wait-until';
import { atRest, bubble, DESK, HEARD, PagesStage, say, scrollMessages, taken } from './stage';

const PICTURE = path.join(PAGES_DIRECTORY, 'demo-assets', 'media', 'pressure.png');
const NARROW = { width: 375, height: 812 };
/** The browser itself says so of an upload that failed. */
const LOAD_FAILED = /Failed to load resource/;

/** Chooses pictures, and goes on when they can't be uploaded. */
async function failToSend(page: Page, pictures: string[]): Promise<void> {
  await page.route('**/api/v2/files', (route) => route.abort());
  await page.locator('[data-part="attach"]').click();
  const chooser = page.waitForEvent('filechooser');
  await page.locator('.attach-kind', { hasText: '图片' }).click();
  await (await chooser).setFiles(pictures);
  await page
    .locator('.message.failed')
    .nth(pictures.length - 1)
    .waitFor();
  await page.unroute('**/api/v2/files');
}

/** The last messages in the order of the page: their text, or 失败 and the text of what failed. */
async function lastOf(page: Page, count: number): Promise<string[]> {
  const all = await page.evaluate<string[]>(`[...document.querySelectorAll('.message')].map(function (each) {
    var text = each.querySelector('.text');
    return (each.classList.contains('failed') ? '失败' : '') + (text ? text.textContent : '');
  })`);
  return all.slice(-count);
}

async function isInSight(page: Page, text: string): Promise<void> {
  const list = (await page.locator('.messages').boundingBox())!;
  const box = (await bubble(page, text).boundingBox())!;
  should(box.y).be.aboveOrEqual(list.y);
  should(box.y + box.height).be.belowOrEqual(list.y + list.height + 1);
}

describe('The demo pages keep the place', function () {
  this.timeout(30_000);
  let stage: PagesStage;
  const folder = temporaryFolder('im-place-');
  if (!requireOrSkip('chromium')) return;

  before(async () => {
    stage = await PagesStage.open({ IM_FILES: `file:${folder}` });
  });
  after(async () => {
    await stage.stop();
    removeFolder(folder);
  });

  /** A session of the doctor and the manager, who has written `count` messages there, all of them read. */
  const written = async (id: string, count: number) => {
    await stage.server
      .request('post', '/sessions')
      .send({ id, type: 3, name: id, participants: [{ id: 'demo-doctor' }, { id: 'demo-manager' }] })
      .expect(201);
    for (let n = 1; n <= count; n += 1) await stage.server.send(id, 'demo-manager', `第${n}条。`);
    await stage.server.request('get', `/sessions/${id}/messages?user_id=demo-doctor&limit=1`).expect(200);
  };

  it('of pictures that failed: what comes later is in sight below them', async () => {
    const patient = await stage.page('/demo/patient', { viewport: NARROW });
    await atRest(patient);
    await failToSend(patient, [PICTURE, PICTURE, PICTURE]);
    await say(patient, '照片发不出去');
    await bubble(patient, '照片发不出去').locator('.receipt').waitFor();
    await stage.server.send('demo-team', 'demo-doctor', '那就说说数值');
    await bubble(patient, '那就说说数值').waitFor();
    await patient.evaluate(HEARD);
    (await lastOf(patient, 5)).should.eql(['失败', '失败', '失败', '照片发不出去', '那就说说数值']);
    await isInSight(patient, '那就说说数值');
    // After what is not the message before it, a message has its face and its name.
    await bubble(patient, '照片发不出去').locator('.avatar').waitFor();

    // What is sent again is under way at the end, and in sight there. When it fails again, it stays there.
    await patient.route('**/api/v2/files', (route) => route.abort());
    await patient.locator('.message.failed').first().getByRole('button', { name: '重试' }).click();
    const order = ['失败', '失败', '照片发不出去', '那就说说数值', '失败'];
    await waitUntil(
      async () => (await lastOf(patient, 5)).join() === order.join(),
      20_000,
      () => 'the picture stands at the end',
    );
    (await patient.locator('.jump').isHidden()).should.be.true();
    await stage.closePages(LOAD_FAILED);
  });

  it('of texts that failed, also after a reload', async () => {
    await written('failed-texts', 3);
    const ids: number[] = [];
    let soon = 0;
    for (const text of ['之前', '之后']) {
      const message = await stage.server.send('failed-texts', 'demo-manager', text);
      ids.push(message.id);
      soon ||= new Date(message.timestamp).getTime() + 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const doctor = await stage.page('/', { viewport: DESK });
    const texts: [content: string, id: string, after?: number][] = [
      ['知道位置', 'demo-a', ids[0]],
      ['只知道时间', `demo-${soon.toString(36)}-a`],
      ['都不知道', 'other'],
    ];
    for (const [content, id, after] of texts) {
      const entry = { session_id: 'failed-texts', type: 1, content, client_msg_id: id, after };
      const value = JSON.stringify({ ...entry, state: 'failed', problem: '网络不通' });
      await doctor.evaluate(
        `localStorage.setItem('im-demo:unsent:demo-doctor:${id}', ${JSON.stringify(value)})`,
      );
    }
    await doctor.goto(`${stage.server.url}/demo/doctor#failed-texts`);
    await bubble(doctor, '之后').waitFor();
    await atRest(doctor);
    const between = (await lastOf(doctor, 5)).slice(1, 3).sort();
    between.should.eql(['失败只知道时间', '失败知道位置']);
    const order = await lastOf(doctor, 5);
    [order[0], order[3], order[4]].should.eql(['之前', '之后', '失败都不知道']);
    await stage.closePages();
  });

  it('of the reader, when faces and names are drawn anew', async () => {
    await written('drawn-anew', 60);
    const doctor = await stage.page('/demo/doctor#drawn-anew', { viewport: DESK });
    await bubble(doctor, '第60条。').waitFor();
    await atRest(doctor);
    await scrollMessages(doctor, 'list.scrollHeight / 2');
    const top = async () => (await bubble(doctor, '第45条。').boundingBox())!.y;
    const before = await top();

    const again = doctor.waitForResponse(/\/sessions\/drawn-anew(\/session)?(\?|$)/);
    for (const each of [...stage.server.context.sockets.ofUser('demo-doctor')]) each.close(1012, 'a test');
    await taken(doctor, again);
    should(await top()).be.approximately(before, 2);

    const joined = { participants: [{ id: 'demo-specialist' }] };
    await stage.server.request('post', '/sessions/drawn-anew/participants').send(joined).expect(200);
    await doctor.locator('.person', { hasText: '周明远' }).waitFor();
    await doctor.evaluate(HEARD);
    should(await top()).be.approximately(before, 2);
    await stage.closePages();
  });

  for (const viewport of [NARROW, DESK]) {
    it(`of pictures at the side of their sender, at ${viewport.width} px`, async () => {
      const patient = await stage.page('/demo/patient', { viewport });
      await atRest(patient);
      await failToSend(patient, [PICTURE]);
      const failed = patient.locator('.message.failed').last();
      const at = async (selector: string) => {
        const box = (await failed.locator(selector).boundingBox())!;
        return { left: box.x, right: box.x + box.width, width: box.width };
      };
      await atRest(patient);
      const [shown, framed, face] = [await at('.picture'), await at('.bubble'), await at('.avatar')];
      should(shown.width).be.within(100, 240);
      should(shown.right).be.approximately(framed.right, 1);
      should(face.left - shown.right).be.within(0, 16);
      if (process.env.SHOTS) await patient.screenshot({ path: `${process.env.SHOTS}/${viewport.width}.png` });
      await stage.closePages(LOAD_FAILED);
    });
  }

  for (const [what, act] of [
    ['another session is opened', (page: Page) => page.locator('[data-session="demo-group"]').click()],
    ['a call begins', (page: Page) => page.locator('#call').click()],
  ] as const) {
    it(`of no voice: it is silent when ${what}`, async () => {
      const doctor = await stage.page('/', { viewport: DESK });
      await doctor.addInitScript(`(function (Audio) {
        window.Audio = function (url) { return (window.heard = new Audio(url)); };
      })(window.Audio)`);
      await doctor.goto(`${stage.server.url}/demo/doctor#demo-team`);
      await atRest(doctor);
      await doctor.locator('.voice').last().click();
      const plays = (isPlaying: boolean) =>
        waitUntil(
          () => doctor.evaluate<boolean>(`window.heard.paused !== ${isPlaying}`),
          20_000,
          () => (isPlaying ? 'it plays' : 'it is silent'),
        );
      await plays(true);
      await act(doctor);
      await plays(false);
      await stage.closePages();
    });
  }
});
