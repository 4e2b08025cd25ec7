import should from 'should';
import { findMessages } from '../../src/model/messages';
import { eachDatabase } from '../support/databases';
import { Api, faultPaths } from './api';

eachDatabase('Quotes', (database) => {
  let api: Api;
  let session: string;
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'P1');
  });
  after(() => api.stop());
  beforeEach(async () => {
    session = await api.session(1, 'D1', 'P1');
  });

  const send = (by: string, body: object) =>
    api.post(by, `/sessions/${session}/messages`, { type: 1, content: '回复', ...body });

  it('name the message that they answer, everywhere', async () => {
    const first = await api.server.send(session, 'P1', `第一行\n第二行😀${'长'.repeat(200)}`);
    const reply = await send('D1', { reply_to: first.id });
    reply.status.should.equal(201);
    const quote = {
      id: first.id,
      sender_id: 'P1',
      sender_name: 'P1的名字',
      type: 1,
      text: `第一行\n第二行😀${'长'.repeat(92)}`,
    };
    Array.from(quote.text).length.should.equal(100);
    should(reply.body.reply_to).eql(quote);
    const id = reply.body.id as number;
    for (const shown of [
      (await api.get('P1', `/sessions/${session}/messages/${id}`)).body,
      (await api.get('P1', `/sessions/${session}/messages?peek=1`)).body.items.at(-1),
      (await api.get('P1', `/sessions/${session}/messages/unread`)).body.items.at(-1),
      (await api.get('P1', `/sessions/${session}/messages/search?q=${encodeURIComponent('回复')}`)).body
        .items[0],
    ])
      should(shown).eql(reply.body);
    should((await send('D1', { reply_to: null })).body.reply_to).equal(null);
  });

  it('show a word for what is no text, and the title of a message of the platform', async () => {
    const texts: unknown[] = [];
    for (const [by, type, content] of [
      ['D1', 2, { url: 'https://example.com/a.jpg' }],
      ['D1', 4, { title: '饮食', url: 'https://example.com/' }],
      ['backend', 0, { title: '通知', n: 1 }],
      ['backend', 0, '通知'],
    ] as const) {
      const first = await send(by, { type, content });
      texts.push((await send('D1', { reply_to: first.body.id as number })).body.reply_to.text);
    }
    should(texts).eql(['[图片]', '[文章]', '通知', '[消息]']);
  });

  it('lose their text when the message is taken back, and keep the rest', async () => {
    const first = await api.server.send(session, 'P1', '发错人了');
    const reply = await send('D1', { reply_to: first.id });
    await api.delete('P1', `/sessions/${session}/messages/${first.id}`);
    const emptied = { ...reply.body.reply_to, text: null };
    const shown = await api.get('D1', `/sessions/${session}/messages/${String(reply.body.id)}`);
    should(shown.body).eql({ ...reply.body, reply_to: emptied });
    // It may still be quoted, and so may a quote.
    should((await send('P1', { reply_to: first.id })).body.reply_to).eql(emptied);
    should((await send('P1', { reply_to: reply.body.id as number })).body.reply_to.text).equal('回复');
  });

  it('are refused where there is no such message in the session', async () => {
    const other = await api.session(1, 'D1', 'P1');
    const elsewhere = await api.server.send(other, 'P1', '别处');
    const before = (await api.get('D1', `/sessions/${session}/messages`)).body.items.length as number;
    for (const wrong of [elsewhere.id, elsewhere.id + 1_000_000, 0, -1, 1.5, '1', true]) {
      const refused = await send('D1', { reply_to: wrong });
      should([wrong, refused.status, faultPaths(refused)]).eql([wrong, 400, ['reply_to']]);
    }
    should((await api.get('D1', `/sessions/${session}/messages`)).body.items.length).equal(before);
  });

  it('stay what they were in a repeat', async () => {
    const [first, second] = [
      await api.server.send(session, 'P1', '一'),
      await api.server.send(session, 'P1', '二'),
    ];
    const sent = await send('D1', { client_msg_id: 'q', reply_to: first.id });
    for (const again of [second.id, 1_000_000_000, null]) {
      const answer = await send('D1', { client_msg_id: 'q', reply_to: again });
      should([answer.status, answer.body]).eql([200, sent.body]);
    }
  });

  it('are not in the copy of a forward', async () => {
    const first = await api.server.send(session, 'P1', '一');
    const reply = await send('D1', { reply_to: first.id, client_msg_id: 'f' });
    const copy = await send('D1', {
      type: 8,
      content: { session_id: session, message_id: reply.body.id as number },
    });
    should(Object.keys(copy.body.content.message as object)).eql([
      'id',
      'session_id',
      'sender_id',
      'sender_name',
      'type',
      'content',
      'timestamp',
    ]);
  });

  it('cost a page one query more, and none where nothing is quoted', async () => {
    const first = await api.server.send(session, 'P1', '一');
    let queries = 0;
    const counted = api.server.context.database.kysely.withPlugin({
      transformQuery: ({ node }) => {
        queries += 1;
        return node;
      },
      transformResult: ({ result }) => Promise.resolve(result),
    });
    const read = async () => {
      queries = 0;
      const { quoted, rows } = await findMessages(counted, 'muc_messages', session, { limit: 50 });
      return { queries, texts: rows.map((row) => quoted.get(row.reply_to ?? 0)?.content ?? null) };
    };
    should(await read()).eql({ queries: 1, texts: [null] });
    for (let n = 0; n < 5; n += 1) await send('D1', { reply_to: first.id });
    should(await read()).eql({ queries: 2, texts: [null, ...Array<string>(5).fill('"一"')] });
  });
});
