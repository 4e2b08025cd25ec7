import { type Browser, type Page, type Response } from 'playwright-core';
import should from 'should';
import { sharedBrowser } from '../support/browser';
import { TestServer } from '../support/server';
import { waitUntil } from '../support/wait-until';

export const PHONE = { width: 390, height: 844 };
export const DESK = { width: 1440, height: 900 };

export interface OpenOptions {
  viewport?: { width: number; height: number };
  colorScheme?: 'light' | 'dark';
  timezoneId?: string;
  hasTouch?: boolean;
  isMobile?: boolean;
  /** What the page's clock says when it is opened. It goes on from there, and the test may set it forward. */
  time?: Date;
}

/** Calls whose effect outlives the document, and that nothing takes back. */
const LASTING_CHANGES = {
  page: ['addInitScript', 'emulateMedia', 'exposeFunction', 'routeWebSocket', 'setViewportSize'],
  context: ['addInitScript', 'grantPermissions', 'newCDPSession', 'newPage', 'route', 'setOffline'],
} as const;

function beforeCalls<T extends object>(target: T, name: keyof T, tell: () => void): void {
  const call = (target[name] as (...args: unknown[]) => unknown).bind(target);
  Object.assign(target, {
    [name]: (...args: unknown[]) => {
      tell();
      return call(...args);
    },
  });
}

/** Leaves the document, and forgets what its site has kept. @returns whether that worked */
async function empty(page: Page): Promise<boolean> {
  if (page.context().pages().length > 1) return false;
  stopWatching(page);
  page.on('dialog', (dialog) => void dialog.accept());
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  // Of the same site, so that its storage can be reached; what the old document kept as it was left is in there.
  await page.goto(new URL('/health/live', page.url()).href);
  await page.evaluate('localStorage.clear(); sessionStorage.clear()');
  await page.context().clearCookies();
  stopWatching(page);
  return true;
}

/** Not all its listeners: some are its own. */
function stopWatching(page: Page): void {
  for (const event of ['console', 'dialog', 'pageerror', 'request', 'websocket']) {
    page.removeAllListeners(event);
  }
}

/** A server of the profile `dev` with its demo data, a browser, and a watch on everything that a page must not do. */
export class PagesStage {
  /** What went wrong in any page: errors, console errors and warnings, requests to other hosts, violations of the policy. */
  readonly faults: string[] = [];
  readonly #open = new Set<Page>();
  /** Tabs that a test is done with, by the options of their profiles: one more costs as much as loading a page twice. */
  readonly #idle = new Map<string, Page[]>();
  /** Of open tabs that are fit for another test: the key in `#idle`. */
  readonly #fit = new Map<Page, string>();

  private constructor(
    readonly server: TestServer,
    private readonly browser: Browser,
  ) {}

  static async open(environment: Record<string, string> = {}) {
    const server = await TestServer.start({
      IM_PROFILE: 'dev',
      IM_DATABASE_URL: 'sqlite::memory:',
      ...environment,
    });
    return new PagesStage(server, await sharedBrowser());
  }

  async stop(): Promise<void> {
    const pages = [...this.#open, ...[...this.#idle.values()].flat()];
    await Promise.all(pages.map((page) => page.context().close()));
    await this.server.stop();
  }

  /** A page in a browser profile of its own. `path` is below the server, or a whole address. */
  async page(path: string, options: OpenOptions = {}): Promise<Page> {
    const page = this.#idle.get(JSON.stringify(options))?.pop() ?? (await this.#newTab(options));
    this.#open.add(page);
    page.on('pageerror', (error) => this.faults.push(`error: ${error.message}`));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type()))
        this.faults.push(`${message.type()}: ${message.text()}`);
    });
    page.on('dialog', (dialog) => {
      this.faults.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    const own = new URL(path, this.server.url);
    page.on('request', (request) => {
      const { host, protocol } = new URL(request.url());
      const local = ['data:', 'blob:'].includes(protocol);
      if (!local && host !== own.host) this.faults.push(`a request to ${request.url()}`);
    });
    await page.goto(own.href);
    return page;
  }

  async #newTab({ time, ...options }: OpenOptions): Promise<Page> {
    const context = await this.browser.newContext({ viewport: PHONE, ...options });
    if (time !== undefined) await context.clock.install({ time });
    const page = await context.newPage();
    page.setDefaultTimeout(8_000);
    await page.addInitScript(`document.addEventListener('securitypolicyviolation', function (event) {
      console.error('policy ' + event.violatedDirective + ': ' + event.blockedURI);
    })`);
    if (time === undefined) {
      this.#fit.set(page, JSON.stringify(options));
      const unfit = () => this.#fit.delete(page);
      for (const name of LASTING_CHANGES.page) beforeCalls(page, name, unfit);
      for (const name of LASTING_CHANGES.context) beforeCalls(context, name, unfit);
    }
    return page;
  }

  /** Gives the tab to the next test as it was at first, or closes it. */
  async #leave(page: Page): Promise<void> {
    const profile = this.#fit.get(page);
    const isLeft = profile !== undefined && (await empty(page).catch(() => false));
    if (isLeft) this.#idle.set(profile, [...(this.#idle.get(profile) ?? []), page]);
    else await page.context().close();
  }

  /** Closes all pages. @throws when one of them did what it must not, but for faults that `expected` matches */
  async closePages(expected?: RegExp): Promise<void> {
    const pages = [...this.#open];
    this.#open.clear();
    await Promise.all(pages.map((page) => this.#leave(page)));
    const faults = this.faults.splice(0).filter((fault) => expected?.test(fault) !== true);
    should(faults).deepEqual([]);
  }

  /** Both demo pages in the demo's team session, loaded, logged in, at rest and at the end, where what comes is seen. */
  async both(options: OpenOptions = {}): Promise<{ patient: Page; doctor: Page }> {
    const patient = await this.page('/demo/patient', options);
    const doctor = await this.page('/demo/doctor#demo-team', { viewport: DESK, ...options });
    for (const page of [patient, doctor]) {
      await atRest(page);
      // What is new since the last visit may fill more than the window: shortly after midnight it has a date in its midst.
      await scrollMessages(page, 'list.scrollHeight');
    }
    return { patient, doctor };
  }
}

/** Resolves when the page has heard of what it was scrolled: a frame tells that before it runs what waits for it. */
export const HEARD = `new Promise(function (resolve) {
  requestAnimationFrame(function () { requestAnimationFrame(function () { resolve(); }); });
})`;

/** Waits until a conversation is there and at rest: no more of it is on its way, and its pictures have their size. */
export async function atRest(page: Page): Promise<void> {
  await page.locator('[data-id]').first().waitFor();
  const isAtRest = `${HEARD}.then(function () {
    var list = document.querySelector('.messages');
    return list.getAttribute('aria-busy') === 'false'
      && [...list.querySelectorAll('img')].every((each) => each.complete);
  })`;
  await waitUntil(
    () => page.evaluate<boolean>(isAtRest),
    20_000,
    () => 'the conversation is at rest',
  );
}

/** Waits until the page has that answer, and has drawn what follows from it. */
export async function taken(page: Page, answer: Promise<Response>): Promise<void> {
  await (await answer).finished();
  await page.evaluate(HEARD);
}

/** Scrolls the messages to `top`, an expression that may name the `list`, and goes on when the page has heard of it. */
export async function scrollMessages(page: Page, top: string): Promise<void> {
  await page.evaluate(`(function (list) {
    list.scrollTop = ${top};
    return ${HEARD};
  })(document.querySelector('.messages'))`);
}

/** By how many pixels the page can be scrolled sideways, or, as these pages scroll inside, at all. */
export function pageScroll(page: Page): Promise<{ sideways: number; down: number }> {
  return page.evaluate(`(function (root) {
    return { sideways: root.scrollWidth - root.clientWidth, down: root.scrollHeight - root.clientHeight };
  })(document.documentElement)`);
}

/** Writes `text` and sends it as a person does. */
export async function say(page: Page, text: string): Promise<void> {
  await page.locator('#text').fill(text);
  await page.locator('#text').press('Enter');
}

/** The bubble with that text. */
export function bubble(page: Page, text: string) {
  return page.locator('.message', { has: page.locator('.text', { hasText: text }) });
}
