import { type Browser } from 'playwright-core';
import should from 'should';
import { requireOrSkip } from '../support/databases';
import { sharedBrowser } from '../support/browser';
import { amr, animated, html, jpeg, mp3, mp4, pdf, svg, webm } from './fixtures';
import { FileServer } from './upload-client';

/** A page behind what the browser takes it for. */
const POLYGLOTS: Record<string, () => Promise<Buffer> | Buffer> = {
  'a jpeg and a page': async () => Buffer.concat([await jpeg(), html]),
  'a gif and a page': async () => Buffer.concat([await animated('gif', 2), html]),
  'a pdf and a page': () => Buffer.concat([pdf, html]),
  'a pdf with a script': () => pdf,
  'an mp3 and a page': () => Buffer.concat([mp3(), html]),
  'an amr and a page': () => Buffer.concat([amr, html]),
  'a video and a page': () => Buffer.concat([mp4('isom', ['vide'], 1), html]),
  'a webm and a page': () => Buffer.concat([webm(['video'], 1), html]),
};

describe('Files in a browser', () => {
  if (!requireOrSkip('chromium')) return;
  let browser: Browser;
  let files: FileServer;

  before(async () => {
    browser = await sharedBrowser();
    files = await FileServer.start();
    await files.server.users('P1');
  });
  after(async () => {
    await files.stop();
  });

  it('the pages of these tests would run, if a server gave them out as what they are', async () => {
    const page = await browser.newPage();
    await page.setContent(html.toString());
    should(await page.evaluate('window.ran')).equal(1);
    await page.close();
  });

  for (const [title, content] of Object.entries({ 'an svg': () => svg, 'a page': () => html })) {
    it(`${title} is not even taken`, async () => {
      for (const name of ['a.jpg', 'a.svg', 'a.html'])
        should((await files.upload(content(), { userId: 'P1', name, type: 'image/jpeg' })).status).equal(415);
    });
  }

  for (const [title, make] of Object.entries(POLYGLOTS)) {
    it(`${title}: nothing of it runs, opened, framed or as a script`, async () => {
      const { body, status } = await files.upload(await make(), {
        userId: 'P1',
        name: 'a.html',
        type: 'text/html',
      });
      should(status).equal(201);
      const url = files.server.url + (body.url as string);
      const page = await browser.newPage();
      const errors: string[] = [];
      page.on('dialog', (dialog) => {
        errors.push('a dialog');
        void dialog.dismiss();
      });
      // A download ends the navigation with an error; a picture or a player is shown.
      await page.goto(url).catch(() => undefined);
      should(await page.evaluate('window.ran === undefined')).be.true();
      await page.goto(`${files.server.url}/health/live`);
      const ran = await page.evaluate(`(async () => {
        const address = ${JSON.stringify(url)};
        const wait = (element) =>
          new Promise((resolve) => {
            element.onload = element.onerror = () => resolve();
            setTimeout(resolve, 300);
            document.body.append(element);
          });
        const make = (name, properties) => Object.assign(document.createElement(name), properties);
        await Promise.all([
          wait(make('iframe', { src: address })),
          wait(make('object', { data: address, type: 'text/html' })),
          wait(make('script', { src: address })),
        ]);
        return window.ran !== undefined;
      })()`);
      should(ran).be.false();
      should(errors).eql([]);
      await page.close();
    });
  }
});
