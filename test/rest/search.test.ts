import should from 'should';
import { eachDatabase } from '../support/databases';
import { Api, faultPaths } from './api';

eachDatabase('Searching a session', (database) => {
  let api: Api;
  let session: string;
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'P1');
  });
  after(() => api.stop());
  beforeEach(async () => {
    session = await api.session(1, 'D1', 'P1');
  });

  const search = (query: Record<string, string | number>, by = 'D1') => {
    const given = new URLSearchParams(
      Object.entries(query).map(([key, value]) => [key, String(value)] as [string, string]),
    );
    return api.get(by, `/sessions/${session}/messages/search?${given.toString()}`);
  };
  const found = async (query: Record<string, string | number>): Promise<number[]> => {
    const answer = await search(query);
    answer.status.should.equal(200);
    should(answer.body.next).equal(null);
    return (answer.body.items as { id: number }[]).map(({ id }) => id);
  };
  const post = async (body: object): Promise<number> =>
    (await api.post('backend', `/sessions/${session}/messages`, body)).body.id as number;

  it('finds what holds the words, newest first, and only there', async () => {
    const other = await api.session(1, 'D1', 'P1');
    await api.server.send(other, 'P1', '血压有点高');
    const [first, , third] = [
      await api.server.send(session, 'P1', '血压有点高'),
      await api.server.send(session, 'D1', '多喝水'),
      await api.server.send(session, 'D1', '明天再量血压'),
    ];
    should(await found({ q: '血压' })).eql([third.id, first.id]);
    should(await found({ q: '血糖' })).eql([]);
    should(await found({ q: '血压', sender_id: 'P1' })).eql([first.id]);
    should(await found({ q: '血压', before: third.id })).eql([first.id]);
    const [item] = (await search({ q: '多喝水' })).body.items;
    should(item).containEql({ content: '多喝水', reply_to: null, recalled: null });
  });

  it('compares letters as they are written, but for the case of ASCII', async () => {
    const texts = ['100%_a\\b', '100xxa/b', ' Blood Pressure ', 'Ünïcode ÄÖ', 'e\u0301', '换\n行"引号"'];
    const ids: number[] = [];
    for (const text of texts) ids.push((await api.server.send(session, 'P1', text)).id);
    for (const [q, ...expected] of [
      ['%', 0],
      ['_', 0],
      ['\\', 0],
      ['0%_A\\B', 0],
      ['blood p', 2],
      ['BLOOD P', 2],
      [' b', 2],
      ['e ', 3, 2],
      ['ünïcode'],
      ['ÜNïCODE', 3],
      ['ÜNÏcode'],
      ['Ünïcode', 3],
      ['ÜnïCODE äö'],
      ['ÜnïCODE ÄÖ', 3],
      ['\u00e9'],
      ['换\n行', 5],
      ['"引', 5],
      ['换行'],
    ] as [string, ...number[]][])
      should([q, await found({ q })]).eql([q, expected.map((n) => ids[n])]);
  });

  it('looks through texts and titles, and through nothing else', async () => {
    const url = 'https://example.com/词';
    const ids = {
      text: await post({ sender_id: 'D1', type: 1, content: '词' }),
      system: await post({ type: 0, content: '词' }),
      titled: await post({ type: 0, content: { title: '词', more: 1 } }),
      untitled: await post({ type: 0, content: { body: '词', title: { x: '词' } } }),
      image: await post({ sender_id: 'D1', type: 2, content: { url } }),
      article: await post({ sender_id: 'D1', type: 4, content: { title: '词', url } }),
      summary: await post({ sender_id: 'D1', type: 4, content: { title: 'x', summary: '词', url } }),
      address: await post({ sender_id: 'D1', type: 4, content: { title: 'x', url } }),
      jump: await post({ sender_id: 'D1', type: 5, content: { title: '词', url } }),
    };
    const topic = api.fresh('t');
    await api.post('D1', `/sessions/${topic}/topics`, { session_id: session, name: '词' });
    await api.put('D1', `/sessions/${session}/topics/${topic}/ended`, { message: '词' });
    const last = (await api.get('D1', `/sessions/${session}/messages`)).body.items.at(-1).id as number;
    const { article, jump, summary, system, text, titled } = ids;
    should(await found({ q: '词' })).eql([last, jump, summary, article, titled, system, text]);
    for (const [type, expected] of [
      [0, [titled, system]],
      [1, [text]],
      [4, [summary, article]],
      [5, [jump]],
      [10, [last]],
      [2, []],
      [14, []],
    ] as const)
      should([type, await found({ q: '词', type })]).eql([type, expected]);
    should(await found({ q: '词', sender_id: 'system' })).eql([titled, system]);
  });

  it('finds nothing of what was taken back, and what somebody wrote who has left', async () => {
    await api.post('backend', `/sessions/${session}/participants`, { participants: [{ id: 'D2' }] });
    const kept = await api.server.send(session, 'D2', '秘密一');
    const taken = await api.server.send(session, 'D2', '秘密二');
    await api.delete('D2', `/sessions/${session}/messages/${taken.id}`);
    await api.delete('backend', `/sessions/${session}/participants/D2`);
    should(await found({ q: '秘密', sender_id: 'D2' })).eql([kept.id]);
    should((await search({ q: '秘密' }, 'D2')).status).equal(404);
    should((await search({ q: '秘密', user_id: 'D2' }, 'backend')).status).equal(404);
  });

  it('pages, and ends with null where all was looked at', async () => {
    const ids: number[] = [];
    for (let n = 0; n < 5; n += 1) ids.unshift((await api.server.send(session, 'P1', `词${n}`)).id);
    const first = await search({ q: '词', limit: 2 });
    should(first.body.items.map(({ id }: { id: number }) => id)).eql(ids.slice(0, 2));
    should(first.body.next).equal(ids[1]);
    const second = await search({ q: '词', limit: 3, before: ids[1]! });
    should(second.body.items.map(({ id }: { id: number }) => id)).eql(ids.slice(2));
    should(second.body.next).equal(null);
  });

  it('is cut at 512 KiB', async () => {
    const ids: number[] = [];
    for (let n = 0; n < 4; n += 1) ids.unshift(await post({ type: 0, content: `词${'x'.repeat(200_000)}` }));
    const first = await search({ q: '词' });
    should(first.body.items.map(({ id }: { id: number }) => id)).eql(ids.slice(0, 2));
    should(first.body.next).equal(ids[1]);
    should(await found({ q: '词', before: ids[1]! })).eql(ids.slice(2));
  });

  it('marks nothing as read', async () => {
    await api.server.send(session, 'P1', '词');
    should(await found({ q: '词' })).have.length(1);
    should((await api.get('D1', `/sessions/${session}/unread_message_count`)).body.count).equal(1);
  });

  it('says what is wrong with a query', async () => {
    for (const [query, path] of [
      [{}, 'q'],
      [{ q: '' }, 'q'],
      [{ q: 'x'.repeat(101) }, 'q'],
      [{ q: 'x', type: 15 }, 'type'],
      [{ q: 'x', type: -1 }, 'type'],
      [{ q: 'x', sender_id: 'a b' }, 'sender_id'],
      [{ q: 'x', before: 'y' }, 'before'],
      [{ q: 'x', limit: 201 }, 'limit'],
    ] as [Record<string, string | number>, string][]) {
      const refused = await search(query);
      should([query, refused.status, faultPaths(refused)]).eql([query, 400, [path]]);
    }
    should((await search({ q: '😀'.repeat(100) })).status).equal(200);
  });
});
