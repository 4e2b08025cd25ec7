import should from 'should';
import { requireOrSkip } from '../support/databases';
import { waitUntil } from '../support/wait-until';
import { atRest, bubble, DESK, PagesStage, pageScroll, PHONE, say } from './stage';

/** What can be touched and is smaller than 44 px, but for links inside of a text. */
const SMALL = `[...document.querySelectorAll('button, select, input, textarea')]
  .filter((each) => each.offsetParent !== null)
  .map((each) => ({ name: each.id || each.className, box: each.getBoundingClientRect() }))
  .filter(({ box }) => Math.min(box.width, box.height) < 43.5)
  .map(({ name, box }) => name + ' ' + Math.round(box.width) + ' x ' + Math.round(box.height))`;

/** Text whose contrast with what it stands on is under 4.5 : 1 (WCAG 2.1, 1.4.3). Pictures and films are left out. */
const PALE = `(function () {
  const parts = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((each) => each / 255)
    .map((each) => (each <= 0.03928 ? each / 12.92 : Math.pow((each + 0.055) / 1.055, 2.4)))
    .reduce((sum, each, index) => sum + each * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length === 3) return colour;
    }
    return [255, 255, 255];
  };
  const found = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || !node.offsetParent) continue;
    if (node.closest('.film-frame, .visually-hidden, :disabled, option')) continue;
    const [a, b] = [light(parts(getComputedStyle(node).color)), light(ground(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.add(node.className + ' ' + ratio.toFixed(2));
  }
  return [...found];
})()`;

describe('The pages for the elderly', function () {
  this.timeout(30_000);
  let stage: PagesStage;
  if (!requireOrSkip('chromium')) return;

  before(async () => {
    stage = await PagesStage.open();
  });
  afterEach(() => stage.closePages());
  after(() => stage.stop());

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [path, viewport] of [
      ['/demo/patient', PHONE],
      ['/demo/doctor#demo-team', DESK],
    ] as const) {
      it(`have targets of 44 px and contrast of 4.5 : 1 at ${path}, ${colorScheme}`, async () => {
        const page = await stage.page(path, { viewport, colorScheme });
        await atRest(page);
        if (viewport === DESK) await page.locator('.details .topic-item').first().waitFor();
        (await page.evaluate<string[]>(SMALL)).should.eql([]);
        (await page.evaluate<string[]>(PALE)).should.eql([]);
      });
    }
  }

  it('have no small target and no pale text in 关怀模式, in menus and in dialogs either', async () => {
    const patient = await stage.page('/demo/patient', { hasTouch: true, isMobile: true });
    await atRest(patient);
    await patient.locator('[data-part="care"]').click();
    const good = async (what: string) => {
      // Colours on their way are none of either side.
      await waitUntil(
        () => patient.evaluate<boolean>('document.getAnimations().length === 0'),
        20_000,
        () => `${what} stands still`,
      );
      should({ what, small: await patient.evaluate(SMALL), pale: await patient.evaluate(PALE) }).eql({
        what,
        small: [],
        pale: [],
      });
      should(await pageScroll(patient)).eql({ sideways: 0, down: 0 });
    };
    await say(patient, '今天 135');
    await bubble(patient, '今天 135').locator('.receipt').waitFor();
    await patient.locator('.message-more').last().focus();
    await patient.keyboard.press('Enter');
    await patient.getByRole('menu').waitFor();
    await good('the menu of a message');
    await patient.getByRole('menuitem', { name: '引用' }).click();
    await good('a quote');
    await patient.locator('[data-part="attach"]').click();
    await good('the menu behind +');
    await patient.locator('.attach-kind', { hasText: '查找记录' }).click();
    await patient.keyboard.type('血压');
    await patient.locator('.hit mark', { hasText: '血压' }).first().waitFor();
    await good('a search');
    await patient.keyboard.press('Escape');
    await patient.locator('#topic button', { hasText: '记录' }).click();
    await patient.locator('.dialog .topic-item').first().waitFor();
    await good('咨询记录');
    await patient.locator('.dialog .topic-item').first().click();
    await patient.locator('.record .message').first().waitFor();
    await good('one of 咨询记录');
    await patient.keyboard.press('Escape');
    // The whole of a team's name is there to be read.
    const title = `(function (title) { return title.scrollHeight - title.clientHeight; })(document.querySelector('.bar-title'))`;
    (await patient.evaluate<number>(title)).should.be.below(2);
  });

  it('follow the browser’s size of type, and are larger still in 关怀模式, which is remembered', async () => {
    const patient = await stage.page('/demo/patient');
    const size = () =>
      patient.evaluate<number>(`parseFloat(getComputedStyle(document.querySelector('.text')).fontSize)`);
    await patient.locator('.text').first().waitFor();
    (await size()).should.equal(18);
    await patient.locator('[data-part="care"]').click();
    (await size()).should.be.above(24);
    await patient.reload();
    await patient.locator('.text').first().waitFor();
    (await size()).should.be.above(24);
    (await patient.locator('[data-part="care"]').getAttribute('aria-pressed'))!.should.equal('true');
    await patient.locator('[data-part="care"]').click();
    (await size()).should.equal(18);
  });
});
