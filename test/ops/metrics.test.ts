import should from 'should';
import { LABELS } from '../../src/metrics';
import { MESSAGE_TABLES } from '../../src/model/message-tables';
import { APP_KEY, TestServer } from '../support/server';
import { connect } from '../support/socket-client';

describe('/metrics', () => {
  let server: TestServer;

  before(async () => {
    server = await TestServer.start();
    await server.users('D', 'P');
    await server.session('s', 1, 'D', 'P');
  });
  after(() => server.stop());

  const ask = (headers: Record<string, string>) => fetch(`${server.url}/metrics`, { headers });

  /** Every line `name{labels} value` of ours, but the histograms'. */
  async function series(): Promise<Record<string, number>> {
    const text = await (await ask({ 'X-IM-App-Key': APP_KEY })).text();
    const isOurs = (line: string) => line.startsWith('im_') && !/^im_(?:send|first_reply|http)_/.test(line);
    const lines = text.split('\n').filter(isOurs);
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
    );
  }

  it('is for the platform alone', async () => {
    should((await ask({})).status).equal(401);
    should((await ask({ 'X-IM-App-Key': 'wrong' })).status).equal(401);
    should((await ask({ Authorization: `Bearer ${await server.token('D')}` })).status).equal(403);
  });

  it('has every series from the start, at 0, so that the first event shows as an increase', async () => {
    should([...LABELS.table]).eql([...MESSAGE_TABLES]);
    const names = [
      ...MESSAGE_TABLES.map((table) => `im_messages_total{table="${table}"}`),
      ...['sent', 'dropped'].map((result) => `im_push_total{result="${result}"}`),
      ...['wechat', 'getui'].flatMap((channel) => [
        `im_notices_waiting{channel="${channel}"}`,
        ...['delivered', 'sent', 'skipped', 'failed'].map(
          (state) => `im_notices_total{channel="${channel}",state="${state}"}`,
        ),
      ]),
      ...['sent', 'failed'].map((state) => `im_webhook_events_total{state="${state}"}`),
      ...['doctor', 'patient'].map((type) => `im_sockets{user_type="${type}"}`),
      'im_topics_waiting',
      'im_files_total',
      'im_file_bytes_total',
    ];
    should(await series()).eql(Object.fromEntries(names.map((name) => [name, 0])));
  });

  it('counts answers by class, and the notices that wait', async () => {
    const responses = async () => {
      const text = await (await ask({ 'X-IM-App-Key': APP_KEY })).text();
      const counts = [...text.matchAll(/^im_http_responses_total\{class="(\dxx)"\} (\d+)$/gm)];
      return Object.fromEntries(counts.map(([, name, count]) => [name, Number(count)])) as Record<
        string,
        number
      >;
    };
    const before = await responses();
    Object.keys(before).should.eql(['2xx', '3xx', '4xx', '5xx']);
    await server.request('get', '/users/D').expect(200);
    await server.request('get', '/users/nobody').expect(404);
    const after = await responses();
    // The look itself is an answer, too.
    should([after['2xx']! - before['2xx']!, after['4xx']! - before['4xx']!]).eql([2, 1]);
  });

  it('counts what happens', async () => {
    const socket = await connect(server.url);
    await socket.login(await server.token('P'), 's', 'patient');
    await server.send('s', 'D', '您好');
    await socket.next('message');
    const now = await series();
    should(now['im_messages_total{table="muc_messages"}']).equal(1);
    should(now['im_push_total{result="sent"}']).equal(1);
    should(now['im_sockets{user_type="patient"}']).equal(1);
    should(now['im_sockets{user_type="doctor"}']).equal(0);
    should(now['im_notices_waiting{channel="wechat"}']).equal(1);
    await socket.close();
  });

  it('counts the notice of a call that nobody is to send', async () => {
    const skipped = async () => (await series())['im_notices_total{channel="wechat",state="skipped"}'] ?? NaN;
    const before = await skipped();
    const caller = await connect(server.url);
    await caller.login(await server.token('D'), 's', 'doctor');
    const { type } = await caller.request('call_invite', { media: 'video' });
    should(type).equal('call_ok');
    should(await skipped()).equal(before + 1);
    await caller.close();
  });
});
