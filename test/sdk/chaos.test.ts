import should from 'should';
import { requireOrSkip } from '../support/databases';
import { type ChatPage, until } from './support/chat-page';
import { RealServer } from './support/real-server';
import { DOCTOR, SESSION, Stage } from './support/stage';

const EACH = 25;

/** The same numbers of [0, 1) for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

describe('SDK: on a network that breaks all the time', () => {
  if (!requireOrSkip('chromium')) return;
  let stage: Stage<RealServer>;

  beforeEach(async () => (stage = await Stage.on(new RealServer())));
  afterEach(() => stage.close());

  for (const [seed, jquery] of [
    [1, 'jquery-1'],
    [2, 'jquery-3'],
    [3, 'jquery-4'],
  ] as const) {
    it(`each message is stored once and arrives once, in order (seed ${String(seed)}, ${jquery})`, async () => {
      const { proxy, server } = stage;
      const random = randomFrom(seed);
      proxy.syncLimit = 3;
      const pages = {
        left: await stage.patient(jquery),
        right: await stage.patient(jquery),
        doctor: await stage.doctor(jquery),
      };
      const each = Object.entries(pages);
      await Promise.all(each.map(([, page]) => page.connect()));

      let cuts = 0;
      proxy.fate = () => {
        const chance = random();
        if (chance > 0.12) return undefined;
        if (chance > 0.1) return 'twice';
        cuts += 1;
        return chance > 0.05 ? 'cut' : 'pass-and-cut';
      };
      const elsewhere = Array.from({ length: EACH }, (_, number) => `elsewhere ${String(number)}`);
      for (const [number, text] of elsewhere.entries()) {
        for (const [name, page] of each) {
          await page.send({ type: 1, content: `${name} ${String(number)}`, session_id: SESSION });
          if (random() < 0.7) await page.online();
        }
        await server.post(SESSION, DOCTOR.id, text);
      }
      const settled = async ([, page]: [string, ChatPage]): Promise<boolean> => {
        await page.online();
        const answered = (await page.sends()).every(({ state }) => state === 'stored');
        return answered && (await page.texts()).length >= 3 * EACH;
      };
      await until(
        'all is sent and received',
        async () => {
          const states = await Promise.all(each.map(settled));
          if (states.some((state) => !state) && cuts > 400) proxy.fate = (): undefined => undefined;
          return states.every(Boolean);
        },
        90_000,
      );

      const stored = (await stage.texts()) as string[];
      const of = (name: string): string[] => stored.filter((text) => text.startsWith(name));
      for (const [name, page] of each) {
        const sent = Array.from({ length: EACH }, (_, number) => `${name} ${String(number)}`);
        should(of(name)).deepEqual(sent, `what ${name} sent is stored once, in order`);
        const expected = stored.filter((text) => !text.startsWith(name));
        should(await page.received(3 * EACH)).deepEqual(expected, `${name} receives the rest once, in order`);
      }
      should(stored).have.length(4 * EACH);
      should(of('elsewhere')).deepEqual(elsewhere);
      should(cuts).be.above(20);
    }).timeout(150_000);
  }
});
