import should from 'should';
import { eachDatabase } from '../support/databases';
import { Api } from './api';

eachDatabase('Lists of sessions', (database) => {
  let api: Api;
  let all: string[];

  /** Pages through the list. @returns the ids in their order */
  async function paged(caller: string, query: string, limit: number): Promise<string[]> {
    const ids: string[] = [];
    let cursor: string | null = null;
    do {
      const next: string = cursor === null ? '' : `&cursor=${cursor}`;
      const { body, status } = await api.get(caller, `/sessions${query}limit=${limit}${next}`);
      status.should.equal(200);
      const items = body.items as { id: string }[];
      items.length.should.be.belowOrEqual(limit);
      ids.push(...items.map(({ id }) => id));
      cursor = body.next as string | null;
      if (cursor !== null) items.length.should.equal(limit);
    } while (cursor !== null);
    return ids;
  }

  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'P1', 'P2');
    all = [];
    for (let index = 0; index < 9; index += 1) {
      all.push(await api.session([1, 3, 0][index % 3]!, 'D1', index % 3 === 1 ? 'D2' : 'P1'));
    }
    await api.session(1, 'D2', 'P2');
    for (const index of [5, 2, 7, 1]) {
      await api.post('backend', `/sessions/${all[index]!}/messages`, { type: 0, content: 'x' });
    }
    for (const index of [3, 7, 8]) await api.put('D1', `/sessions/${all[index]!}/sticky`);
  });
  after(() => api.stop());

  const expected = () => [7, 8, 3, 1, 2, 5, 6, 4, 0].map((index) => all[index]!);

  it('sticky first, then by the latest message or else the creation, newest first', async () => {
    // Sessions of one millisecond are told apart by their ids, so these two orders may differ there.
    const { body } = await api.get('D1', '/sessions?limit=200');
    const items = body.items as {
      id: string;
      sticky: boolean;
      last_message_time: string | null;
      create_date: string;
    }[];
    const keys = items.map((item) => [item.sticky, item.last_message_time ?? item.create_date] as const);
    for (let index = 1; index < keys.length; index += 1) {
      const [before, after] = [keys[index - 1]!, keys[index]!];
      (before[0] === after[0] ? before[1] >= after[1] : before[0]).should.be.true();
    }
    items
      .map(({ id }) => id)
      .sort()
      .should.eql([...all].sort());
    items
      .slice(0, 6)
      .map(({ id }) => id)
      .should.eql(expected().slice(0, 6));
  });

  for (const limit of [1, 2, 3, 4, 8, 9, 200]) {
    it(`${limit} a page: every session once, in the same order`, async () => {
      const whole = await paged('D1', '?', 200);
      (await paged('D1', '?', limit)).should.eql(whole);
      (await paged('backend', '?user_id=D1&', limit)).should.eql(whole);
    });
  }

  it('filters by type and business_type, also over pages', async () => {
    const only = (keep: (index: number) => boolean) => all.filter((_, index) => keep(index)).sort();
    (await paged('D1', '?type=3&', 2)).sort().should.eql(only((index) => index % 3 === 1));
    (await paged('D1', '?business_type=2&', 2)).sort().should.eql(only((index) => index % 3 !== 1));
    (await paged('D1', '?business_type=1&type=1&', 2)).should.eql([]);
    (await paged('P1', '?type=0&', 2)).sort().should.eql(only((index) => index % 3 === 2));
  });

  it('counts what is unread, one by one and together', async () => {
    const { body } = await api.get('D1', '/sessions?limit=200');
    const unread = (body.items as { id: string; unread_count: number }[]).filter(
      (item) => item.unread_count > 0,
    );
    unread
      .map(({ id }) => id)
      .sort()
      .should.eql([5, 2, 7, 1].map((index) => all[index]!).sort());
    const counts = (await api.get('D1', '/sessions/unread_message_count')).body as {
      count: number;
      sessions: { session_id: string; count: number }[];
    };
    counts.count.should.equal(4);
    counts.sessions
      .map(({ count, session_id }) => `${session_id} ${count}`)
      .sort()
      .should.eql(unread.map(({ id }) => `${id} 1`).sort());
  });

  it('recent: with a message in the last days, of patients or among doctors', async () => {
    const recent = (index: number) => all[index]!;
    (await paged('D1', '/recent?', 1)).should.eql([7, 1, 2, 5].map(recent));
    (await paged('D1', '/recent?type=doctor&', 1)).should.eql([7, 1].map(recent));
    (await paged('D1', '/recent?type=patient&days=1&', 1)).should.eql([2, 5].map(recent));
    await api.server.context.database.kysely
      .updateTable('sessions')
      .set({ last_message_time: '2020-01-01 00:00:00.000' })
      .where('id', '=', recent(5))
      .execute();
    (await paged('D1', '/recent?', 1)).should.eql([7, 1, 2].map(recent));
    (await paged('D1', '/recent?days=3650&', 1)).should.eql([7, 1, 2, 5].map(recent));
  });

  it('a page is cut at 512 KiB, with a next, and loses nothing', async () => {
    await api.server.users('D8');
    const made: string[] = [];
    for (let index = 0; index < 5; index += 1) {
      made.push(await api.session(1, 'D8'));
      const content = { text: `${index}`.repeat(index === 0 ? 250_000 : 200_000) };
      await api.post('backend', `/sessions/${made.at(-1)!}/messages`, { type: 0, content });
    }
    for (const list of ['/sessions', '/sessions/recent']) {
      const sizes: number[] = [];
      const ids: string[] = [];
      let cursor: string | null = '';
      for (let page = 0; page < 9 && cursor !== null; page += 1) {
        const path = `${list}?user_id=D8&limit=200${cursor === '' ? '' : `&cursor=${cursor}`}`;
        const { body } = await api.get('backend', path);
        sizes.push(Buffer.byteLength(JSON.stringify(body)));
        ids.push(...(body.items as { id: string }[]).map(({ id }) => id));
        cursor = body.next as string | null;
      }
      should(ids).eql([...made].reverse());
      should(sizes.length).equal(3);
      Math.max(...sizes).should.be.within(400_000, 512 * 1024);
    }
  });

  it('of a user without sessions: empty', async () => {
    await api.server.users('D9');
    should((await api.get('D9', '/sessions')).body).eql({ items: [], next: null });
    should((await api.get('D9', '/sessions/unread_message_count')).body).eql({
      user_id: 'D9',
      count: 0,
      sessions: [],
    });
    (await api.get('backend', '/sessions?user_id=X1')).status.should.equal(404);
  });
});
