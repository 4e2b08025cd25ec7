import should from 'should';
import { requireOrSkip } from '../support/databases';
import { type ChatPage, until } from './support/chat-page';
import { PATIENT, SESSION, Stage } from './support/stage';

describe('SDK: the connection', () => {
  if (!requireOrSkip('chromium')) return;
  let stage: Stage;

  beforeEach(async () => (stage = await Stage.open()));
  afterEach(() => stage.close());

  describe('ends for good', () => {
    const fatal = [
      [4400, 'validation_failed'],
      [4401, 'unauthenticated'],
      [4404, 'not_found'],
    ] as const;
    for (const [close, code] of fatal) {
      it(`on close code ${String(close)}: error, then close; what is pending is rejected`, async () => {
        const page = await stage.patient();
        await page.connect();
        stage.proxy.on('client', 'message', 'swallow');
        await page.send('never answered');
        await until('it is sent', () => stage.proxy.seen('client', 'message').length === 1);
        stage.server.closeSockets(PATIENT.id, close);
        const [record] = await page.answered();
        should(record).containDeep({ state: 'rejected', value: { code } });
        should(await page.eventNames()).deepEqual(['open', 'error', 'failed', 'close']);
        should((await page.events('error'))[0]).containDeep({ code });
        should((await page.events('close'))[0]).containDeep({ code: close });
        await page.online();
        await page.page.waitForTimeout(350);
        should(stage.proxy.dials).have.length(1);
      });
    }

    const refused: [string, number, object][] = [
      ['unauthenticated', 4401, { token: 'forged' }],
      ['not_found', 4404, { sessionId: 'not-mine' }],
      ['validation_failed', 4400, { sessionId: undefined }],
    ];
    for (const [code, close, options] of refused) {
      for (const proxied of [false, true]) {
        it(`when the login is refused: ${code}${proxied ? ', the close code being lost' : ''}`, async () => {
          const token = await stage.server.token(PATIENT);
          const given = { token, userId: PATIENT.id, userType: 'patient', sessionId: SESSION };
          const page = await stage.page({ ...given, ...options });
          if (proxied) stage.proxy.on('server', 'error', 'pass-and-cut');
          await page.run('client.connect(); undefined');
          await until('it closes', async () => (await page.events('close')).length === 1);
          should(await page.eventNames()).deepEqual(['error', 'close']);
          should(await page.events('error')).deepEqual([{ code, detail: `${code} at login` }]);
          should((await page.events('close'))[0]).containDeep({ code: close });
          should(stage.proxy.dials).have.length(1);
        });
      }
    }
  });

  describe('comes back', () => {
    it('after every other close code', async () => {
      const page = await stage.patient();
      await page.connect();
      const codes = [1000, 1001, 1009, 1011, 1012, 1013, 4408];
      for (const [round, code] of codes.entries()) {
        stage.server.closeSockets(PATIENT.id, code);
        await until('it is lost', async () => (await page.events('reconnecting')).length > round);
        should((await page.events('reconnecting'))[round]).containDeep({ code });
        await page.online();
        await page.reconnected(round + 1);
      }
      should(await page.eventNames()).deepEqual(['open', ...codes.flatMap(() => ['reconnecting', 'open'])]);
    });

    it('after a login that the server could not serve just now', async () => {
      const page = await stage.patient();
      stage.proxy.on('client', 'login', { refuse: 'unavailable' });
      await page.connect();
      should(await page.eventNames()).deepEqual(['error', 'reconnecting', 'open']);
    });

    it('from a server that was not there at first', async () => {
      const page = await stage.patient();
      await stage.server.stop();
      await page.run('client.connect(); undefined');
      await until('it tries', () => stage.proxy.dials.length >= 2);
      await stage.server.start();
      await until('it connects', async () => (await page.events('open')).length === 1);
    });
  });

  it('waits 0.5 s doubling to 30 s, spread by half, and 0.5 s again after a good connection', async () => {
    const page = await stage.patient();
    const delays = async (): Promise<number[]> =>
      (await page.events('reconnecting')).map((one) => one.delay_ms as number);
    const fail = async (times: number): Promise<void> => {
      for (let attempt = 0; attempt < times; attempt++) {
        const before = (await delays()).length;
        await page.online();
        await until('the attempt fails', async () => (await delays()).length > before);
      }
    };
    stage.proxy.refusing = true;
    await page.run('Math.random = function () { return 0.5; }; client.connect(); undefined');
    await until('the first attempt fails', async () => (await delays()).length === 1);
    await fail(7);
    // On a busy machine a short wait may be over before the next attempt is made here.
    const first = (await delays()).slice(0, 8);
    should(first).deepEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    for (const [random, expected] of [
      [0, 15_000],
      [0.999, 30_000],
    ] as const) {
      await page.run(`Math.random = function () { return ${String(random)}; }; undefined`);
      await fail(1);
      should((await delays()).at(-1)).equal(expected);
    }

    stage.proxy.refusing = false;
    await page.online();
    await until('it connects', async () => (await page.events('open')).length === 1);
    const before = (await delays()).length;
    stage.proxy.cut();
    await until('it is lost', async () => (await delays()).length > before);
    should((await delays()).at(-1)).equal(
      30_000,
      'a connection that broke at once does not shorten the wait',
    );
  });

  it('waits 0.5 s again after a connection that lasted longer than the wait before it', async () => {
    const page = await stage.patient();
    await page.installClock();
    await page.run('Math.random = function () { return 0.5; }; undefined');
    await page.connect();
    for (const [round, lasted] of [0, 900, 1500].entries()) {
      await page.page.clock.runFor(lasted);
      // The page's clock goes on meanwhile: the last connection breaks as soon as it is there.
      if (lasted === 1500) stage.proxy.on('server', 'login_ok', 'pass-and-cut');
      stage.proxy.cut();
      await until('it is lost', async () => (await page.events('reconnecting')).length > round);
      await page.online();
      await page.reconnected(round + 1);
    }
    await until('it is lost', async () => (await page.events('reconnecting')).length > 3);
    const delays = (await page.events('reconnecting')).map(({ delay_ms }) => delay_ms as number);
    should(delays.slice(0, 4)).deepEqual([500, 500, 500, 1000]);
  });

  describe('dials at once', () => {
    /** A page whose client waits for a reconnect that is far away. */
    async function waiting(): Promise<ChatPage> {
      const page = await stage.patient();
      stage.proxy.refusing = true;
      await page.run('Math.random = function () { return 1000; }; client.connect(); undefined');
      await until('it waits', async () => (await page.events('reconnecting')).length === 1);
      should((await page.events('reconnecting'))[0]!.delay_ms).equal(30_000);
      stage.proxy.refusing = false;
      return page;
    }

    for (const [target, event] of [
      ['document', 'visibilitychange'],
      ['window', 'pageshow'],
      ['window', 'online'],
    ] as const) {
      it(`on ${event}`, async () => {
        const page = await waiting();
        await page.run(`${target}.dispatchEvent(new Event('${event}')); undefined`);
        await until('it connects', async () => (await page.events('open')).length === 1, 15_000);
      });
    }

    it('but not when the page is hidden', async () => {
      const page = await waiting();
      await page.run(`Object.defineProperty(document, 'hidden', { value: true, configurable: true });
        document.dispatchEvent(new Event('visibilitychange')); undefined`);
      await page.page.waitForTimeout(200);
      should(stage.proxy.dials).have.length(1);
      await page.run(`Object.defineProperty(document, 'hidden', { value: false });
        document.dispatchEvent(new Event('visibilitychange')); undefined`);
      await until('it connects', async () => (await page.events('open')).length === 1, 15_000);
    });
  });

  describe('finds out that it is dead, though nothing says so', () => {
    /** A connected page whose clock is moved by the test; it goes on by itself, too, for seconds on a busy machine. */
    async function clocked(): Promise<ChatPage> {
      const page = await stage.patient();
      await page.installClock();
      await page.connect();
      return page;
    }

    it('by the ping of each heartbeat', async () => {
      const page = await clocked();
      await page.page.clock.runFor(30_000);
      await page.hasPong();
      await page.page.clock.runFor(20_000);
      should(await page.events('reconnecting')).deepEqual([]);

      stage.proxy.freeze();
      await page.page.clock.runFor(10_000 + 5000);
      should(await page.events('reconnecting')).deepEqual([]);
      await page.page.clock.runFor(6000);
      should(await page.events('reconnecting')).have.length(1);
      await stage.doctorSays('meanwhile');
      await page.page.clock.runFor(500);
      await page.reconnected();
      should(await page.received(1)).deepEqual(['meanwhile']);
    });

    it('when the page comes back, within 5 s', async () => {
      const page = await clocked();
      stage.proxy.freeze();
      await page.online();
      await page.page.clock.runFor(3000);
      should(await page.events('reconnecting')).deepEqual([]);
      await page.page.clock.runFor(2500);
      should(await page.events('reconnecting')).have.length(1);
    });

    it('when a request stays without its answer', async () => {
      const page = await clocked();
      stage.proxy.on('client', 'message', 'swallow');
      await page.send('lost on the way');
      await until('it is sent', () => stage.proxy.seen('client', 'message').length === 1);
      await page.page.clock.runFor(30_000);
      await page.hasPong();
      await page.page.clock.runFor(30_000);
      await until('it gives up', async () => (await page.events('reconnecting')).length === 1);
      await page.page.clock.runFor(1000);
      await page.answered();
      should(await stage.texts()).deepEqual(['lost on the way']);
    });

    it('when the login stays without an answer', async () => {
      const page = await stage.patient();
      await page.installClock();
      stage.proxy.on('server', 'login_ok', 'swallow');
      await page.run('client.connect(); undefined');
      await until('it logs in', () => stage.proxy.seen('client', 'login').length === 1);
      await page.page.clock.runFor(16_000);
      await until('it connects', async () => (await page.events('open')).length === 1);
    });

    it('when it hung in the handshake as the page came back', async () => {
      const page = await stage.patient();
      await page.installClock();
      stage.proxy.on('server', 'login_ok', 'swallow');
      await page.run('client.connect(); undefined');
      await until('it logs in', () => stage.proxy.seen('client', 'login').length === 1);
      await page.online();
      should(stage.proxy.dials).have.length(1);
      await page.page.clock.runFor(4000);
      await page.online();
      await until('it connects', async () => (await page.events('open')).length === 1);
    });
  });

  it('connects once, however often it is told to', async () => {
    const page = await stage.patient();
    await page.connect();
    await page.run('client.connect().connect(); undefined');
    await page.page.waitForTimeout(100);
    should(stage.proxy.dials).have.length(1);
    should(await page.events('open')).have.length(1);
  });

  it('says why no socket could be made, and keeps trying', async () => {
    const page = await stage.patient();
    await page.run(`page.WebSocket = window.WebSocket;
      window.WebSocket = function () { throw new Error('mixed content'); }; client.connect(); undefined`);
    await until('it waits', async () => (await page.events('reconnecting')).length === 1);
    should((await page.events('error'))[0]).containDeep({ code: 'unavailable' });
    await page.run('window.WebSocket = page.WebSocket; undefined');
    await until('it connects', async () => (await page.events('open')).length === 1);
  });

  it("takes the page's own host without a baseUrl, and a path in one", async () => {
    const page = await stage.patient();
    const bases = await page.run<
      string[]
    >(`[undefined, '', '/', '/im/', 'http://example.com:81/im', 'https://example.com/']
      .map(function (baseUrl) { return new IMClient({ baseUrl: baseUrl }).baseUrl; })`);
    const own = stage.proxy.url;
    should(bases).deepEqual([own, own, own, `${own}/im`, 'http://example.com:81/im', 'https://example.com']);
    should(await page.run('IMClient({}) instanceof IMClient')).equal(true);
    await should(page.run('jQuery.Deferred = undefined; new IMClient({})')).be.rejectedWith(/needs jQuery/);
  });
});
