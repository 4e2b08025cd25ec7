import should from 'should';
import { eachDatabase } from '../support/databases';
import { Api } from './api';

const url = 'https://files.example.com/a.jpg?x=1&y=%20#z';

/** Texts that something on the way might change. */
const TEXTS = {
  emoji: '您好 😀👨‍👩‍👧‍👦🇨🇳 ✊🏽',
  markup: '<script>alert("1")</script> &amp; &lt;b>',
  'right to left': 'مرحبا ‮abc‬ שלום',
  'blanks and line breaks': '  a\t\r\n b \u00a0\u2028\u2029\ufeff ',
  'quotes and backslashes': `'"\`\\' \\n \\u0041 %s ? :x $1 ; -- /* */`,
  'not composed': 'e\u0301 \u1112\u1161\u11ab',
  'control characters': '\u0001\u0008\u000b\u001f\u007f\u0080\u009f',
  'beyond the first plane': '\u{20000}\u{10ffff}\uffff\ufdd0',
  'one character': 'a',
  '5,000 characters': '字'.repeat(5000),
  '5,000 of two units each': '😀'.repeat(5000),
};

/** Everything a type takes, and the least that it takes. */
const CONTENTS: Record<number, readonly unknown[]> = {
  0: [
    '',
    '系统',
    {},
    { kind: 'visit', at: [1, 2.5, -0.125, null, true, { deep: '😀<b>' }], 'a.b': '', 名: 1e21 },
  ],
  1: Object.values(TEXTS),
  2: [{ url }, { url, thumbnail: 'HTTP://files.example.com/t', width: 1, height: 1_000_000 }],
  3: [
    { url, duration: 0 },
    { url, duration: 12.345 },
  ],
  4: [
    { title: '高血压', url },
    { title: '😀'.repeat(300), url, summary: '', image: url },
  ],
  5: [{ title: 'x', url: 'http://127.0.0.1:8080/路径' }],
  9: [{ url, width: 10, height: 20 }],
  12: [
    { url, duration: 86_400 },
    { url, cover: url, duration: 1 },
  ],
};

eachDatabase('Contents of messages', (database) => {
  let api: Api;
  let session: string;
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'P1');
    session = await api.session(1, 'D1', 'P1');
  });
  after(() => api.stop());

  for (const [type, contents] of Object.entries(CONTENTS)) {
    it(`type ${type}: what is stored comes back byte for byte, everywhere`, async () => {
      for (const [index, content] of contents.entries()) {
        const by = type === '0' || index % 2 === 1 ? 'backend' : 'P1';
        const body = { type: Number(type), content, ...(type === '0' ? {} : { sender_id: 'P1' }) };
        const sent = await api.post(by, `/sessions/${session}/messages`, body);
        sent.status.should.equal(201, JSON.stringify(sent.body));
        should(sent.body.content).eql(content);
        JSON.stringify(sent.body.content).should.equal(JSON.stringify(content));
        for (const path of [`messages/${String(sent.body.id)}`, 'messages?limit=1&peek=1']) {
          const { body: read } = await api.get('D1', `/sessions/${session}/${path}`);
          should('items' in read ? read.items[0] : read).eql(sent.body);
        }
        const { body: shown } = await api.get('D1', `/sessions/${session}/session`);
        should([shown.last_content, shown.last_content_type]).eql([content, Number(type)]);
      }
    });
  }

  it('type 0 keeps keys that JavaScript takes for something else', async () => {
    const content = '{"__proto__":{"a":1},"constructor":{"prototype":2},"toString":"x"}';
    const sent = await api.server
      .request('post', `/sessions/${session}/messages`)
      .set('Content-Type', 'application/json')
      .serialize((text) => text as unknown as string)
      .send(`{"type":0,"content":${content}}` as never);
    should(sent.status).equal(201, sent.text);
    sent.text.should.containEql(`"content":${content},`);
    const read = await api.server.request('get', `/sessions/${session}/messages?limit=1`);
    read.text.should.containEql(`"content":${content},`);
  });

  it('unknown fields of a content are dropped, but for type 0, which is free', async () => {
    const sent = await api.post('P1', `/sessions/${session}/messages`, {
      type: 2,
      content: { url, secret: 1 },
    });
    should(sent.body.content).eql({ url });
    const free = await api.post('backend', `/sessions/${session}/messages`, {
      type: 0,
      content: { url, secret: 1 },
    });
    should(free.body.content).eql({ url, secret: 1 });
  });

  for (const [title, text] of Object.entries({
    ...TEXTS,
    '5,000 characters': '字',
    '5,000 of two units each': '😀',
  })) {
    it(`names and descriptions keep ${title}`, async () => {
      const name = `${text}.`;
      const made = await api.post('D1', '/sessions', { type: 3, name, participants: [{ id: 'D1' }] });
      should([made.status, made.body.name]).eql([201, name]);
      const topic = api.fresh('t');
      const started = await api.post('D1', `/sessions/${topic}/topics`, {
        session_id: made.body.id as string,
        name,
        description: text,
      });
      should([started.status, started.body.name, started.body.description]).eql([201, name, text]);
      should((await api.get('D1', `/sessions/topics/${topic}`)).body).eql(started.body);
      const first = await api.get('D1', `/sessions/topic/${topic}/messages`);
      should(first.body.items[0].content).eql({ topic_id: topic, name });
    });
  }
});
