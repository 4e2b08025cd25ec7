import should from 'should';
import { setTimeout as sleep } from 'node:timers/promises';
import { type StreamItem, Streams } from '../../src/commands/delivery/streams';

interface Item extends StreamItem {
  /** Whether it was fetched, or came as an event. */
  from: 'event' | 'database';
}

const event = (id: number, previousId = id - 1, sessionId = 's'): Item => ({
  sessionId,
  id,
  previousId,
  from: 'event',
});

/** Streams over a table of messages, with everything that they do. */
class Bench {
  /** The ids that are stored, by session. */
  readonly stored = new Map<string, number[]>();
  readonly emitted: Item[] = [];
  readonly stale: number[] = [];
  readonly lost: string[] = [];
  readonly fetches: [after: number, before: number][] = [];
  failing = false;
  /** What a fetch waits for before it looks. */
  gate: Promise<unknown> = Promise.resolve();
  settled: () => Promise<void> = () => Promise.resolve();

  readonly streams = new Streams<Item>({
    emit: (item) => this.emitted.push(item),
    stale: ({ id }) => this.stale.push(id),
    positions: async (sessionIds) => {
      await this.gate;
      if (this.failing) throw new Error('away');
      return new Map(sessionIds.flatMap((id) => this.newest(id)));
    },
    fetch: async (sessionId, after, before) => {
      this.fetches.push([after, before]);
      await this.gate;
      if (this.failing) throw new Error('away');
      const ids = (this.stored.get(sessionId) ?? []).filter((id) => id > after && id < before);
      return ids.map((id) => ({ ...event(id, 0, sessionId), from: 'database' as const }));
    },
    settled: () => this.settled(),
    lost: (sessionId) => this.lost.push(sessionId),
    isTold: () => true,
  });

  private newest(sessionId: string): [string, number][] {
    const last = this.stored.get(sessionId)?.at(-1);
    return last === undefined ? [] : [[sessionId, last]];
  }

  store(...ids: number[]): void {
    this.stored.set('s', [...(this.stored.get('s') ?? []), ...ids]);
  }

  ids(sessionId = 's'): number[] {
    return this.emitted.filter((item) => item.sessionId === sessionId).map(({ id }) => id);
  }
}

/** Lets everything that waits for nothing but its turn come to its end. */
const settle = () => sleep(5);

describe('Streams of messages', () => {
  let bench: Bench;

  beforeEach(async () => {
    bench = new Bench();
    bench.store(1, 2, 3);
    await bench.streams.open(['s']);
  });

  it('pass on what follows, and nothing from before their beginning', async () => {
    for (const id of [4, 5, 6]) bench.streams.push(event(id));
    bench.streams.push(event(2));
    await settle();
    should(bench.ids()).eql([4, 5, 6]);
    should(bench.stale).eql([2]);
    should(bench.fetches).eql([]);
    should(bench.streams.position('s')).equal(6);
  });

  it('pass each message once', async () => {
    for (const id of [4, 4, 5, 4, 5]) bench.streams.push(event(id));
    await settle();
    should(bench.ids()).eql([4, 5]);
    should(bench.stale).eql([4, 4, 5]);
  });

  it('know that ids of other sessions lie between', () => {
    bench.streams.push(event(10, 3));
    bench.streams.push(event(20, 10));
    should(bench.ids()).eql([10, 20]);
    should(bench.fetches).eql([]);
  });

  it('fetch what is missing before they pass on', async () => {
    bench.store(4, 5, 6);
    bench.streams.push(event(6));
    should(bench.ids()).eql([]);
    await settle();
    should(bench.ids()).eql([4, 5, 6]);
    should(bench.emitted.map(({ from }) => from)).eql(['database', 'database', 'event']);
    bench.streams.push(event(7));
    should(bench.ids()).eql([4, 5, 6, 7]);
  });

  it('put right what overtook each other', async () => {
    let open: () => void = () => undefined;
    bench.gate = new Promise<void>((resolve) => (open = resolve));
    bench.store(4, 5, 6, 7, 8);
    for (const id of [6, 8, 4, 7, 5]) bench.streams.push(event(id));
    should(bench.ids()).eql([]);
    open();
    await settle();
    should(bench.ids()).eql([4, 5, 6, 7, 8]);
    // The late ones are dropped when they come once more.
    for (const id of [4, 5, 6, 7, 8]) bench.streams.push(event(id));
    should(bench.ids()).eql([4, 5, 6, 7, 8]);
  });

  it('put any order right, with losses and repeats', async () => {
    const random = sameNumbers(20_261_122);
    for (let round = 0; round < 60; round += 1) {
      const each = new Bench();
      await each.streams.open(['s']);
      const ids = Array.from({ length: 12 }, (_, index) => index + 1);
      const events = ids.flatMap((id) => (random() < 0.3 ? [] : random() < 0.3 ? [id, id] : [id]));
      events.sort((first, second) => first - second + (random() - 0.5) * 8);
      each.gate = sleep(0);
      each.store(...ids);
      for (const id of events) {
        each.streams.push(event(id));
        if (random() < 0.3) await sleep(0);
      }
      await settle();
      const reached = each.streams.position('s') ?? 0;
      should(each.ids()).eql(ids.filter((id) => id <= reached));
      reached.should.equal(Math.max(0, ...events));
    }
  });

  it('let sessions wait for their own gaps alone', async () => {
    await bench.streams.open(['t']);
    bench.store(4, 5);
    bench.streams.push(event(5));
    bench.streams.push(event(1, 0, 't'));
    should(bench.ids('t')).eql([1]);
    await settle();
    should(bench.ids()).eql([4, 5]);
  });

  it('wait for what this process is committing, whose sender only the event knows', async () => {
    bench.store(4, 5);
    bench.settled = () => {
      // The commit of 4 is told here while the gap before 5 is being filled.
      bench.streams.push(event(4));
      return Promise.resolve();
    };
    bench.streams.push(event(5));
    await settle();
    should(bench.ids()).eql([4, 5]);
    should(bench.emitted.map(({ from }) => from)).eql(['event', 'event']);
  });

  it('give up what can not be fetched: the sockets sync, and the senders are answered', async () => {
    bench.failing = true;
    bench.store(4, 5);
    bench.streams.push(event(5));
    await settle();
    should(bench.lost).eql(['s']);
    should(bench.stale).eql([5]);
    should(bench.ids()).eql([]);
    // Later ones go on from there.
    bench.failing = false;
    bench.streams.push(event(6));
    await settle();
    should(bench.ids().at(-1)).equal(6);
    should(bench.lost).eql(['s']);
  });

  it('catch up with what is known to exist', async () => {
    bench.store(4, 5);
    bench.streams.catchUp('s', 5);
    bench.streams.catchUp('s', 2);
    bench.streams.catchUp('unheard', 9);
    await settle();
    should(bench.ids()).eql([4, 5]);
    bench.streams.catchUp('s', 5);
    await settle();
    should(bench.fetches.length).equal(1);
    // Also while a gap is being filled already.
    bench.store(6, 7, 8);
    bench.streams.push(event(7));
    bench.streams.catchUp('s', 8);
    await settle();
    should(bench.ids()).eql([4, 5, 6, 7, 8]);
  });

  it('lose nothing of what comes while they begin', async () => {
    const fresh = new Bench();
    let open: () => void = () => undefined;
    fresh.gate = new Promise<void>((resolve) => (open = resolve));
    const opened = fresh.streams.open(['s']);
    // Committed while the newest message was being read: one that the reading saw, and one that it did not.
    fresh.store(1);
    fresh.streams.push(event(1));
    fresh.streams.push(event(2));
    open();
    await opened;
    await settle();
    should(fresh.ids()).eql([2]);
    should(fresh.stale).eql([1]);
    // A second one waits for the first one's beginning, and changes nothing.
    await fresh.streams.open(['s', 's']);
    should(fresh.streams.position('s')).equal(2);
  });

  it('do not begin when the database is away, and pass on as they come', async () => {
    const fresh = new Bench();
    fresh.failing = true;
    const opened = fresh.streams.open(['s']);
    fresh.streams.push(event(1));
    await opened.should.be.rejectedWith('away');
    should(fresh.ids()).eql([1]);
    should(fresh.streams.sessions()).eql([]);
    fresh.failing = false;
    await fresh.streams.open(['s']);
    should(fresh.streams.sessions()).eql(['s']);
  });

  it('end', () => {
    bench.streams.close('s');
    should(bench.streams.position('s')).equal(undefined);
    bench.streams.push(event(9));
    bench.streams.push(event(8));
    should(bench.ids()).eql([9, 8]);
  });
});

/** Numbers from 0 to 1, the same at each run: a linear congruential generator modulo 2^32. */
function sameNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
