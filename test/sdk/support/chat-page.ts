import { setTimeout as delay } from 'node:timers/promises';
import { type Page } from 'playwright-core';
import { sharedBrowser } from '../../support/browser';
import type { StoredMessage } from './backend';

/** Gets `condition` true, or fails with `what` after `limitMs`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs = 20_000,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${String(limitMs)} ms: ${what}`);
    await delay(15);
  }
}

/** A promise and what fulfils it. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

export interface ClientOptions {
  baseUrl?: string;
  token?: string;
  userId?: string;
  userType?: string;
  sessionId?: string;
}

export interface SendRecord {
  content: string;
  state: 'pending' | 'stored' | 'rejected';
  value?: StoredMessage & { code: string; status: number };
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- whatever an event carries
type Data = Record<string, any>;

/** Tabs that a test is done with, for the next: a new one costs three times as much as a new document. */
const idle: Page[] = [];

async function tab(): Promise<Page> {
  for (let page = idle.pop(); page !== undefined; page = idle.pop()) {
    if (!page.isClosed()) return page;
  }
  return (await sharedBrowser()).newPage();
}

/** A tab of the browser with one `IMClient` on it. */
export class ChatPage {
  private clocked = false;
  /** Errors that no code of the page caught. */
  readonly errors: string[] = [];
  /** The types of the frames that its sockets were given. */
  readonly given: string[] = [];

  private constructor(readonly page: Page) {
    page.on('pageerror', (error) => this.errors.push(error.message));
    page.on('websocket', (socket) => {
      socket.on('framereceived', ({ payload }) => {
        this.given.push((JSON.parse(String(payload)) as { type: string }).type);
      });
    });
  }

  static async open(url: string, options: ClientOptions, jquery = 'jquery-3'): Promise<ChatPage> {
    const page = new ChatPage(await tab());
    await page.page.goto(`${url}/test/page?${jquery}`);
    // The waits between attempts are spread by chance; here they are as short as they can be.
    const shortest = 'page.random = Math.random; Math.random = function () { return 0; };';
    await page.run(`${shortest} page.make(${JSON.stringify(options)})`);
    return page;
  }

  async close(): Promise<void> {
    this.page.removeAllListeners('pageerror');
    this.page.removeAllListeners('websocket');
    if (this.clocked) {
      await this.page.close();
      return;
    }
    await this.page.goto('about:blank');
    idle.push(this.page);
  }

  /** From now on the page's clock can be moved with `page.clock`. */
  async installClock(): Promise<void> {
    this.clocked = true;
    await this.page.clock.install();
  }

  /** Runs JavaScript in the page; `client` is its client. */
  run<T>(script: string): Promise<T> {
    return this.page.evaluate<T>(`var client = page.client; ${script}`);
  }

  /** Calls a method of the client, or of one of its groups, and waits for its promise. A rejection is `{ rejected }`. */
  call(name: string, ...args: unknown[]): Promise<Data> {
    const [group, method] = name.includes('.') ? name.split('.') : ['', name];
    return this.run(
      `page.call(${JSON.stringify(group)}, ${JSON.stringify(method)}, ${JSON.stringify(args)})`,
    );
  }

  async connect(): Promise<void> {
    const before = (await this.events('open')).length;
    await this.run('client.connect(); undefined');
    await until('the client logs in', async () => (await this.events('open')).length > before);
  }

  /** The data of the events of that name so far. */
  async events(name: string): Promise<Data[]> {
    return this.run(
      `page.events.filter(function (e) { return e.name === '${name}' }).map(function (e) { return e.data })`,
    );
  }

  /** The names of all events so far, except of `pending`. */
  async eventNames(): Promise<string[]> {
    const names = await this.run<string[]>('page.events.map(function (e) { return e.name })');
    return names.filter((name) => name !== 'pending');
  }

  /** The texts of the `message` events so far. */
  async texts(): Promise<string[]> {
    return (await this.events('message')).map(({ message }) => message.content as string);
  }

  /** Waits until as many messages have come, and a little longer for any that should not come. Gives all back. */
  async received(count: number): Promise<string[]> {
    await until(`${String(count)} messages arrive`, async () => (await this.texts()).length >= count);
    await delay(60);
    return this.texts();
  }

  /** Hands a message, or a text for one, to `send()`; what becomes of it is in `sends()`. */
  async send(message: string | Data): Promise<void> {
    const whole = typeof message === 'string' ? { type: 1, content: message } : message;
    await this.run(`page.send(${JSON.stringify(whole)}); undefined`);
  }

  sends(): Promise<SendRecord[]> {
    return this.run('page.sends');
  }

  /** Waits until all that was sent has its answer. */
  async answered(): Promise<SendRecord[]> {
    await until('all sends have an answer', async () =>
      (await this.sends()).every(({ state }) => state !== 'pending'),
    );
    return this.sends();
  }

  /** Waits until the page has the answer to its first heartbeat: the proxy has it earlier. */
  async hasPong(): Promise<void> {
    await until('the pong comes', () => this.given.includes('pong'));
  }

  /** Tells the page that the network is back, so that it dials at once. */
  async online(): Promise<void> {
    await this.run("window.dispatchEvent(new Event('online')); undefined");
  }

  async reconnected(times = 1): Promise<void> {
    await until('the client logs in again', async () => (await this.events('open')).length > times);
  }
}
