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
    const CASES: {
      title: string;
      query: () => string;
      shown: [from: number, to: number] | null;
      more: boolean;
    }[] = [
      { title: 'neither: the newest', query: () => '', shown: [0, 9], more: false },
      { title: 'neither, a limit', query: () => 'limit=3', shown: [7, 9], more: true },
      { title: 'neither, exactly all', query: () => 'limit=10', shown: [0, 9], more: false },
      {
        title: 'before: strictly below, the newest of them',
        query: () => `before=${id(5)}&limit=2`,
        shown: [3, 4],
        more: true,
      },
      {
        title: 'before, to the beginning',
        query: () => `before=${id(2)}&limit=2`,
        shown: [0, 1],
        more: false,
      },
      {
        title: 'before, between two ids',
        query: () => `before=${id(5) + 1}&limit=2`,
        shown: [4, 5],
        more: true,
      },
      { title: 'before the first', query: () => `before=${id(0)}`, shown: null, more: false },
      { title: 'before=0', query: () => 'before=0', shown: null, more: false },
      {
        title: 'after: strictly above, the oldest of them',
        query: () => `after=${id(5)}&limit=2`,
        shown: [6, 7],
        more: true,
      },
      { title: 'after, to the end', query: () => `after=${id(7)}&limit=2`, shown: [8, 9], more: false },
      { title: 'after the last', query: () => `after=${id(9)}`, shown: null, more: false },
      { title: 'after=0: from the beginning', query: () => 'after=0&limit=3', shown: [0, 2], more: true },
      { title: 'between both', query: () => `after=${id(2)}&before=${id(6)}`, shown: [3, 5], more: false },
      {
        title: 'between both, a limit: from after on',
        query: () => `after=${id(2)}&before=${id(6)}&limit=2`,
        shown: [3, 4],
        more: true,
      },
      {
        title: 'between neighbours',
        query: () => `after=${id(2)}&before=${id(3)}`,
        shown: null,
        more: false,
      },
      {
        title: 'the wrong way round',
        query: () => `after=${id(6)}&before=${id(2)}`,
        shown: null,
        more: false,
      },
      {
        title: 'ids far beyond',
        query: () => 'after=9007199254740990&before=9007199254740991',
        shown: null,
        more: false,
      },
    ];
    for (const { title, query, shown, more } of CASES) {
      it(title, async () => {
        for (const [caller, user] of [
          ['D1', ''],
          ['backend', ''],
          ['backend', '&user_id=P1'],
        ] as const) {
          const { body } = await api.get(caller, `/sessions/${session}/messages?peek=1&${query()}${user}`);
          const page = body as Page;
          page.items
            .map((item) => item.id)
            .should.eql(shown === null ? [] : ids.slice(shown[0], shown[1] + 1));
          page.more.should.equal(more);
        }
      });
    }

    it('every message once, paging either way', async () => {
      for (const limit of [1, 3, 4, 10]) {
        const [up, down]: [number[], number[]] = [[], []];
        for (let more = true; more;) {
          const { body } = await api.get(
            'D1',
            `/sessions/${session}/messages?peek=1&limit=${limit}&after=${up.at(-1) ?? 0}`,
          );
          up.push(...(body as Page).items.map((item) => item.id));
          more = (body as Page).more;
        }
        for (let more = true; more;) {
          const before = down.length === 0 ? '' : `&before=${down[0]!}`;
          const { body } = await api.get(
            'D1',
            `/sessions/${session}/messages?peek=1&limit=${limit}${before}`,
          );
          down.unshift(...(body as Page).items.map((item) => item.id));
          more = (body as Page).more;
        }
        should([up, down]).eql([ids, ids]);
      }
    });
  });

  describe('a page is cut at 512 KiB of JSON', () => {
    const KIB = 1024;
    let session: string;
    const sizes = [200, 200, 120, 10, 175];
    before(async () => {
      session = await api.session(1, 'D1', 'P1');
      for (const [index, size] of sizes.entries()) {
        // Three bytes a character: bytes are what counts.
        const content = index % 2 === 0 ? 'a'.repeat(size * KIB) : '字'.repeat((size * KIB) / 3);
        (
          await api.post('backend', `/sessions/${session}/messages`, { type: 0, content })
        ).status.should.equal(201);
      }
    });

    const lengths = async (path: string) => {
      const { body } = await api.get('D1', `/sessions/${session}/${path}`);
      const { items, more } = body as Page;
      Buffer.byteLength(JSON.stringify(body)).should.be.belowOrEqual(512 * KIB);
      return [items.map(({ content }) => Math.round(Buffer.byteLength(content) / KIB)), more];
    };

    it('the newest are kept in the newest page, the oldest after an id; nothing between is lost', async () => {
      should(await lengths('messages?peek=1')).eql([[200, 120, 10, 175], true]);
      should(await lengths('messages?peek=1&after=0')).eql([[200, 200], true]);
      should(await lengths('messages/unread')).eql([[200, 200], true]);
      const newest = (await api.get('D1', `/sessions/${session}/messages?peek=1`)).body as Page;
      should(await lengths(`messages?peek=1&before=${newest.items[0]!.id}`)).eql([[200], false]);
    });

    it('what was cut off is not marked as read', async () => {
      (await api.get('D1', `/sessions/${session}/messages?after=0`)).status.should.equal(200);
      const { body } = await api.get('D1', `/sessions/${session}/unread_message_count`);
      should(body.count).equal(3);
    });

    it('a page has at least one message, however large', async () => {
      const source = (await api.get('D1', `/sessions/${session}/messages?peek=1&limit=1`)).body as Page;
      const forwarded = await api.post('D1', `/sessions/${session}/messages`, {
        type: 8,
        content: { session_id: session, message_id: source.items[0]!.id },
      });
      forwarded.status.should.equal(201);
      should((await api.get('D1', `/sessions/${session}/messages?peek=1&limit=1`)).body).containDeep({
        more: true,
        items: [{ id: forwarded.body.id as number }],
      });
    });
  });

  it('times and ids of a session rise strictly, also when many send at once', async () => {
    const session = await api.session(1, 'D1', 'P1');
    await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        api.post(index % 2 === 0 ? 'D1' : 'P1', `/sessions/${session}/messages`, {
          type: 1,
          content: `${index}`,
        }),
      ),
    );
    const { items } = (await api.get('D1', `/sessions/${session}/messages?limit=200`)).body as {
      items: { id: number; timestamp: string }[];
    };
    items.length.should.equal(60);
    for (let index = 1; index < items.length; index += 1) {
      items[index]!.id.should.be.above(items[index - 1]!.id);
      (items[index]!.timestamp > items[index - 1]!.timestamp).should.be.true();
    }
  });
});
