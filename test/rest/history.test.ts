import should from 'should';
import { eachDatabase } from '../support/databases';
import { Api } from './api';

interface Page {
  items: { id: number; content: string }[];
  more: boolean;
}

eachDatabase('History', (database) => {
  let api: Api;
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'P1');
  });
  after(() => api.stop());

  describe('pages', () => {
    let session: string;
    /** the ids of ten messages; between them lie those of another session in the same table */
    const ids: number[] = [];
    before(async () => {
      session = await api.session(1, 'D1', 'P1');
      const other = await api.session(1, 'D1', 'P1');
      for (let index = 0; index < 10; index += 1) {
        ids.push((await api.server.send(session, index % 2 === 0 ? 'D1' : 'P1', String(index))).id);
        await api.server.send(other, 'D1', 'another session');
      }
    });

    const id = (index: number) => ids[index]!;
    const CASES: { title: string; query: () => string; shown: [from: number, to: number] | null; more: boolean }[] = [
      { title: 'neither: the newest', query: () => '', shown: [0, 9], more: false },
      { title: 'neither, a limit', query: () => 'limit=3', shown: [7, 9], more: true },
      { title: 'neither, exactly all', query: () => 'limit=10', shown: [0, 9], more: false },
      { title: 'before: strictly below, the newest of them', query: () => `before=${id(5)}&limit=2`, shown: [3, 4], more: true },
      { title: 'before, to the beginning', query: () => `before=${id(2)}&limit=2`, shown: [0, 1], more: false },
      { title: 'before, between two ids', query: () => `before=${id(5) + 1}&limit=2`, shown: [4, 5], more: true },
      { title: 'before the first', query: () => `before=${id(0)}`, shown: null, more: false },
      { title: 'before=0', query: () => 'before=0', shown: null, more: false },
      { title: 'after: strictly above, the oldest of them', query: () => `after=${id(5)}&limit=2`, shown: [6, 7], more: true },
      { title: 'after, to the end', query: () => `after=${id(7)}&limit=2`, shown: [8, 9], more: false },
      { title: 'after the last', query: () => `after=${id(9)}`, shown: null, more: false },
      { title: 'after=0: from the beginning', query: () => 'after=0&limit=3', shown: [0, 2], more: true },
      { title: 'between both', query: () => `after=${id(2)}&before=${id(6)}`, shown: [3, 5], more: false },
      { title: 'between both, a limit: from after on', query: () => `after=${id(2)}&before=${id(6)}&limit=2`, shown: [3, 4], more: true },
      { title: 'between neighbours', query: () => `after=${id(2)}&before=${id(3)}`, shown: null, more: false },
      { title: 'the wrong way round', query: () => `after=${id(6)}&before=${id(2)}`, shown: null, more: false },
      { title: 'ids far beyond', query: () => 'after=9007199254740990&before=9007199254740991', shown: null, more: false },
    ];
    for (const { title, query, shown, more } of CASES) {
      it(title, async () => {
        for (const [caller, user] of [['D1', ''], ['backend', ''], ['backend', '&user_id=P1']] as const) {
          const { body } = await api.get(caller, `/sessions/${session}/messages?peek=1&${query()}${user}`);
          const page = body as Page;
          page.items.map((item) => item.id).should.eql(shown === null ? [] : ids.slice(shown[0], shown[1] + 1));
          page.more.should.equal(more);
        }
      });
    }

    it('every message once, paging either way', async () => {
      for (const limit of [1, 3, 4, 10]) {
        const [up, down]: [number[], number[]] = [[], []];
        for (let more = true; more; ) {
          const { body } = await api.get('D1', `/sessions/${session}/messages?peek=1&limit=${limit}&after=${up.at(-1) ?? 0}`);
          up.push(...(body as Page).items.map((item) => item.id));
          more = (body as Page).more;
        }
        for (let more = true; more; ) {
          const before = down.length === 0 ? '' : `&before=${down[0]!}`;
          const { body } = await api.get('D1', `/sessions/${session}/messages?peek=1&limit=${limit}${before}`);
          down.unshift(...(body as Page).items.map((item) => item.id));
          more = (body as Page).more;
        }
        should([up, down]).eql([ids, ids]);
      }
    });
  });

  describe('reading marks as read', () => {
    let session: string;
    let sent: { id: number; timestamp: string }[];
    beforeEach(async () => {
      session = await api.session(1, 'D1', 'P1');
      sent = [];
      for (let index = 0; index < 4; index += 1) sent.push(await api.server.send(session, 'P1', String(index)));
    });

    const unread = async (user: string) =>
      (await api.get('backend', `/sessions/${session}/unread_message_count?user_id=${user}`)).body.count as number;
    const fetched = async (user: string) =>
      (await api.get('backend', `/sessions/${session}/participants/${user}`)).body.last_fetch_time as string;
    const read = (caller: string, query: string) => api.get(caller, `/sessions/${session}/messages?${query}`);

    const CASES: { title: string; caller: string; query: (ids: number[]) => string; left: number }[] = [
      { title: 'the whole history', caller: 'D1', query: () => '', left: 0 },
      { title: 'peek=1 marks nothing', caller: 'D1', query: () => 'peek=1', left: 4 },
      { title: 'peek=0 marks', caller: 'D1', query: () => 'peek=0', left: 0 },
      { title: 'up to the newest returned', caller: 'D1', query: () => 'after=0&limit=3', left: 1 },
      { title: 'an older page', caller: 'D1', query: (ids) => `before=${ids[2]!}&limit=1`, left: 2 },
      { title: 'an empty page marks nothing', caller: 'D1', query: (ids) => `after=${ids[3]!}`, left: 4 },
      { title: 'the backend for nobody', caller: 'backend', query: () => '', left: 4 },
      { title: 'the backend for the user', caller: 'backend', query: () => 'user_id=D1', left: 0 },
      { title: 'the backend for the user, peeking', caller: 'backend', query: () => 'user_id=D1&peek=1', left: 4 },
      { title: 'somebody else reading', caller: 'P1', query: () => '', left: 4 },
    ];
    for (const { title, caller, query, left } of CASES) {
      it(`${title}: ${left} left`, async () => {
        (await read(caller, query(sent.map(({ id }) => id)))).status.should.equal(200);
        (await unread('D1')).should.equal(left);
        const list = await api.get('D1', `/sessions/${session}/messages/unread`);
        should((list.body as Page).items.map(({ id }) => id)).eql(sent.slice(4 - left).map(({ id }) => id));
      });
    }

    it('never goes back', async () => {
      await read('D1', '');
      const after = await fetched('D1');
      after.should.equal(sent[3]!.timestamp);
      await read('D1', 'after=0&limit=1');
      (await fetched('D1')).should.equal(after);
    });

    it('a single message, a topic and the unread list mark nothing', async () => {
      await api.get('D1', `/sessions/${session}/messages/${sent[0]!.id}`);
      await api.get('D1', `/sessions/${session}/messages/unread`);
      const topic = api.fresh('t');
      await api.post('backend', `/sessions/${topic}/topics`, { session_id: session, user_id: 'P1', name: 'x' });
      await api.get('D1', `/sessions/topic/${topic}/messages`);
      (await unread('D1')).should.equal(5);
    });

    it("the others hear of it, and the reader's acknowledgement settles notices", async () => {
      const socket = await api.server.socket('P1', session);
      await read('D1', '');
      const event = await socket.next('read');
      should(event.data).eql({ session_id: session, user_id: 'D1', message_id: sent[3]!.id });
      await socket.close();
    });

    it('sending while all is read keeps it so; while something is unread it stays unread', async () => {
      await api.server.send(session, 'D1', '未读');
      (await unread('D1')).should.equal(4);
      await read('D1', '');
      await api.server.send(session, 'D1', '已读');
      (await unread('D1')).should.equal(0);
      const statement = await api.server.context.database.kysely
        .selectFrom('muc_messages')
        .select('id')
        .where('session_id', '=', session)
        .where('timestamp', '>', (await fetched('D1')).replace('T', ' ').replace('Z', ''))
        .execute();
      statement.should.eql([]);
      (await unread('P1')).should.equal(2);
    });
  });

  it('unread messages page by after', async () => {
    const session = await api.session(1, 'D1', 'P1');
    const ids: number[] = [];
    for (let index = 0; index < 5; index += 1) {
      ids.push((await api.server.send(session, 'P1', 'x')).id);
      await api.server.send(session, 'D1', 'own');
    }
    const page = async (query: string, caller = 'D1') => (await api.get(caller, `/sessions/${session}/messages/unread?${query}`)).body as Page;
    const first = await page('limit=2');
    should([first.items.map(({ id }) => id), first.more]).eql([ids.slice(0, 2), true]);
    const second = await page(`limit=3&after=${ids[1]!}&user_id=D1`, 'backend');
    should([second.items.map(({ id }) => id), second.more]).eql([ids.slice(2), false]);
    should((await page(`after=${ids[4]!}`)).items).eql([]);
  });

  describe('a page is cut at 512 KiB of JSON', () => {
    const KIB = 1024;
    let session: string;
    const sizes = [200, 200, 200, 10, 200];
    before(async () => {
      session = await api.session(1, 'D1', 'P1');
      for (const [index, size] of sizes.entries()) {
        // Three bytes a character: bytes are what counts.
        const content = index % 2 === 0 ? 'a'.repeat(size * KIB) : '字'.repeat((size * KIB) / 3);
        (await api.post('backend', `/sessions/${session}/messages`, { type: 0, content })).status.should.equal(201);
      }
    });

    const lengths = async (path: string) => {
      const { body } = await api.get('D1', `/sessions/${session}/${path}`);
      const { items, more } = body as Page;
      Buffer.byteLength(JSON.stringify(body)).should.be.belowOrEqual(512 * KIB);
      return [items.map(({ content }) => Math.round(Buffer.byteLength(content) / KIB)), more];
    };

    it('the newest are kept in the newest page, the oldest after an id; nothing between is lost', async () => {
      should(await lengths('messages?peek=1')).eql([[200, 10, 200], true]);
      should(await lengths('messages?peek=1&after=0')).eql([[200, 200], true]);
      should(await lengths('messages/unread')).eql([[200, 200], true]);
      const newest = (await api.get('D1', `/sessions/${session}/messages?peek=1`)).body as Page;
      should(await lengths(`messages?peek=1&before=${newest.items[0]!.id}`)).eql([[200, 200], false]);
    });

    it('what was cut off is not marked as read', async () => {
      (await api.get('D1', `/sessions/${session}/messages?after=0`)).status.should.equal(200);
      const { body } = await api.get('D1', `/sessions/${session}/unread_message_count`);
      should(body.count).equal(3);
    });

    it('a page has at least one message, however large', async () => {
      const source = (await api.get('D1', `/sessions/${session}/messages?peek=1&limit=1`)).body as Page;
      const forwarded = await api.post('D1', `/sessions/${session}/messages`, { type: 8, content: { session_id: session, message_id: source.items[0]!.id } });
      forwarded.status.should.equal(201);
      should((await api.get('D1', `/sessions/${session}/messages?peek=1&limit=1`)).body).containDeep({ more: true, items: [{ id: forwarded.body.id as number }] });
    });
  });

  it('times and ids of a session rise strictly, also when many send at once', async () => {
    const session = await api.session(1, 'D1', 'P1');
    await Promise.all(
      Array.from({ length: 60 }, (_, index) => api.post(index % 2 === 0 ? 'D1' : 'P1', `/sessions/${session}/messages`, { type: 1, content: `${index}` })),
    );
    const { items } = (await api.get('D1', `/sessions/${session}/messages?limit=200`)).body as { items: { id: number; timestamp: string }[] };
    items.length.should.equal(60);
    for (let index = 1; index < items.length; index += 1) {
      items[index]!.id.should.be.above(items[index - 1]!.id);
      (items[index]!.timestamp > items[index - 1]!.timestamp).should.be.true();
    }
  });
});
