import should from 'should';
import { eachDatabase } from '../support/databases';
import { Api } from './api';

interface Page {
  items: { id: number }[];
  more: boolean;
}

eachDatabase('Reading', (database) => {
  let api: Api;
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'P1');
  });
  after(() => api.stop());

  describe('marks as read', () => {
    let session: string;
    let sent: { id: number; timestamp: string }[];
    beforeEach(async () => {
      session = await api.session(1, 'D1', 'P1');
      sent = [];
      for (let index = 0; index < 4; index += 1)
        sent.push(await api.server.send(session, 'P1', String(index)));
    });

    const unread = async (user: string) =>
      (await api.get('backend', `/sessions/${session}/unread_message_count?user_id=${user}`)).body
        .count as number;
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
      {
        title: 'the backend for the user, peeking',
        caller: 'backend',
        query: () => 'user_id=D1&peek=1',
        left: 4,
      },
      { title: 'somebody else reading', caller: 'P1', query: () => '', left: 4 },
    ];
    it('asking for the head alone marks nothing: nobody has seen a message', async () => {
      const url = `${api.server.url}/api/v2/sessions/${session}/messages`;
      const headers = { Authorization: `Bearer ${await api.token('D1')}` };
      should((await fetch(url, { method: 'HEAD', headers })).status).equal(200);
      (await unread('D1')).should.equal(4);
    });

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
      await api.post('backend', `/sessions/${topic}/topics`, {
        session_id: session,
        user_id: 'P1',
        name: 'x',
      });
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
    const page = async (query: string, caller = 'D1') =>
      (await api.get(caller, `/sessions/${session}/messages/unread?${query}`)).body as Page;
    const first = await page('limit=2');
    should([first.items.map(({ id }) => id), first.more]).eql([ids.slice(0, 2), true]);
    const second = await page(`limit=3&after=${ids[1]!}&user_id=D1`, 'backend');
    should([second.items.map(({ id }) => id), second.more]).eql([ids.slice(2), false]);
    should((await page(`after=${ids[4]!}`)).items).eql([]);
  });
});
