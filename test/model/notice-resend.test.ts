import should from 'should';
import { toIso } from '../../src/db/time';
import { eachDatabase } from '../support/databases';
import { waitUntil } from '../support/wait-until';
import { makeDue, noticeWhen, type SentMessage, withNotices } from './notice-fixture';

type Json = Record<string, unknown>;
const FIELDS = [
  'id',
  'channel',
  'session_id',
  'message_id',
  'user_id',
  'client_id',
  'state',
  'attempts',
  'last_error',
  'create_time',
  'due_time',
  'update_time',
];

eachDatabase('The platform looks at notices', (database) => {
  const stage = withNotices(database);
  const list = async (query = '', status = 200) =>
    (await stage.server.request('get', `/application/notices?${query}`).expect(status)).body as Json;
  const items = async (query: string) => (await list(query)).items as Json[];
  const resend = (id: unknown, status: number) =>
    stage.server.request('post', `/application/notices/${String(id)}/resend`).expect(status);

  /** A notice that WeChat refused. */
  async function failed(): Promise<{ sent: SentMessage; id: number }> {
    const { fake, server } = stage;
    fake.answerNext('send', { errcode: 43004, errmsg: 'require subscribe' });
    const sent = await server.send('s', 'D', 'x');
    const { id } = await noticeWhen(server, sent, ({ state }) => state === 'failed');
    return { sent, id };
  }

  it('newest first, by state and channel, page by page', async () => {
    const { server } = stage;
    const ids: number[] = [];
    for (let index = 0; index < 3; index += 1) ids.unshift((await failed()).id);
    const sent = await server.send('s', 'D', 'y');
    const notice = await noticeWhen(server, sent, ({ state }) => state === 'sent');
    const [newest, ...others] = await items('');
    should(Object.keys(newest!)).eql(FIELDS);
    should(newest).eql({
      id: notice.id,
      channel: 'wechat',
      session_id: 's',
      message_id: sent.id,
      user_id: 'P',
      client_id: null,
      state: 'sent',
      attempts: 1,
      last_error: null,
      create_time: toIso(notice.create_time),
      due_time: toIso(notice.due_time),
      update_time: toIso(notice.update_time),
    });
    should(others.map(({ id }) => id)).eql(ids);
    should(others[0]).containEql({ state: 'failed', attempts: 1 });
    should(others[0]!.last_error).match(/^43004 require subscribe/);
    should((await items('state=failed&channel=wechat')).map(({ id }) => id)).eql(ids);
    should((await items('state=sent')).map(({ id }) => id)).eql([notice.id]);
    should(await items('state=pending')).eql([]);
    should(await items('channel=getui')).eql([]);

    const first = await list('state=failed&limit=2');
    should((first.items as Json[]).map(({ id }) => id)).eql(ids.slice(0, 2));
    const second = await list(`state=failed&limit=2&cursor=${String(first.next)}`);
    should((second.items as Json[]).map(({ id }) => id)).eql(ids.slice(2));
    should(second.next).equal(null);
  });

  it("shows a call's notice without a message", async () => {
    const caller = await stage.server.socket('D', 's');
    await caller.request('call_invite', { media: 'audio' });
    let newest: Json | undefined;
    await waitUntil(
      async () => {
        [newest] = await items('limit=1');
        return newest?.state === 'sent';
      },
      20_000,
      () => `not sent: ${JSON.stringify(newest)}`,
    );
    should(newest).containEql({ session_id: 's', message_id: null, user_id: 'P' });
    await caller.close();
  });

  for (const [query, path] of [
    ['state=lost', 'state'],
    ['channel=sms', 'channel'],
    ['cursor=x', 'cursor'],
    ['limit=0', 'limit'],
  ]) {
    it(`refuses ${query}`, async () => {
      should((await list(query, 400)).errors).containDeep([{ path }]);
    });
  }

  it('sends a failed one anew, at once', async () => {
    const { fake, server } = stage;
    const { id, sent } = await failed();
    const { body } = await resend(id, 202);
    should(body).containEql({ id, state: 'pending', attempts: 0, last_error: null });
    should(await noticeWhen(server, sent, ({ state }) => state === 'sent')).containEql({ id, attempts: 1 });
    fake.delivered.length.should.equal(1);
    should((await resend(id, 409)).body.code).equal('conflict');
  });

  it('which is tried for 24 hours from then', async () => {
    const { fake, server } = stage;
    const { id, sent } = await failed();
    fake.answerAlways('send', { errcode: -1 });
    const { body } = await resend(id, 202);
    const notice = await noticeWhen(server, sent, ({ attempts }) => attempts === 1);
    should(notice.state).equal('pending');
    should(toIso(notice.retry_since!)).equal(body.update_time);
    should((await resend(id, 409)).body.code).equal('conflict');
    await makeDue(server, id, { retry_since: '2020-01-01 00:00:00.000' });
    await noticeWhen(server, sent, ({ attempts, state }) => attempts > 1 && state === 'failed');
  });

  it('of two who send it anew at once, one does', async () => {
    const { fake, server } = stage;
    const { id, sent } = await failed();
    const answers = await Promise.all(
      [1, 2, 3].map(() => server.request('post', `/application/notices/${id}/resend`)),
    );
    should(answers.map(({ status }) => status).sort()).eql([202, 409, 409]);
    await noticeWhen(server, sent, ({ state }) => state === 'sent');
    fake.delivered.length.should.equal(1);
  });

  it('knows no other ids', async () => {
    for (const id of ['999999999', '0', 'x', '1.5'])
      should((await resend(id, 404)).body.code).equal('not_found');
  });

  it('is for the platform alone', async () => {
    const token = await stage.server.token('D');
    await stage.server.request('get', '/application/notices', token).expect(403);
    await stage.server.request('post', '/application/notices/1/resend', token).expect(403);
  });

  it('a notice to a user goes to WeChat by its title', async () => {
    const { fake, server } = stage;
    const { body: told } = await server
      .request('post', '/users/P/notices')
      .send({ title: '签约成功', content: { sign: 17 } })
      .expect(201);
    await noticeWhen(server, told as SentMessage, ({ state }) => state === 'sent');
    should(fake.sends.at(-1)!.body.data).containDeep({
      thing1: { value: '系统' },
      thing2: { value: '签约成功' },
    });
  });
});
