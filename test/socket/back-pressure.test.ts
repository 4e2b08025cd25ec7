import should from 'should';
import { setTimeout as sleep } from 'node:timers/promises';
import { eachDatabase } from '../support/databases';
import { TestServer } from '../support/server';
import { terminateAll } from '../support/socket-client';

const MEBIBYTE = 1024 * 1024;

eachDatabase('A socket whose peer does not read', (database) => {
  let server: TestServer;

  before(async () => {
    server = await TestServer.start({ IM_DATABASE_URL: await database.freshUrl() });
    await server.users('D', 'P');
    await server.session('s', 3, 'D', 'P');
  });

  afterEach(terminateAll);

  after(async () => {
    await server.stop();
  });

  it('is dropped once 1 MiB waits, and a sync brings what it missed', async function () {
    this.timeout(30_000);
    const stuck = await server.socket('P', 's');
    const reading = await server.socket('D', 's');
    const start = stuck.frames[0]!.data.last_message_id as number;
    stuck.pause();
    const [connection] = [...server.context.sockets.ofUser('P')];
    const content = { note: '文'.repeat(80_000) };
    const sent: number[] = [];
    let most = 0;
    while (connection!.ws.readyState === connection!.ws.OPEN) {
      if (sent.length === 200) throw new Error('it is never dropped');
      const { body } = await server
        .request('post', '/sessions/s/messages')
        .send({ type: 0, content })
        .expect(201);
      sent.push(body.id as number);
      most = Math.max(most, connection!.ws.bufferedAmount);
    }
    // One message more than the limit at most, and the close frame.
    most.should.be.within(MEBIBYTE, MEBIBYTE + 300_000);
    // A slow network takes its time for what comes before the close frame.
    await sleep(3_000);
    stuck.resume();
    const { code } = await stuck.closed;
    code.should.equal(1013);
    const last = await server.send('s', 'D', 'after the drop');
    sent.push(last.id);
    should((await reading.next('message')).data.message.id).equal(sent[0]);

    const got = stuck.frames
      .filter(({ type }) => type === 'message')
      .map(({ data }) => data.message.id as number);
    // What came, came without a gap.
    should(got).eql(sent.slice(0, got.length));
    const again = await server.socket('P', 's');
    let after = got.at(-1) ?? start;
    for (let more = true; more;) {
      const { data } = await again.request('sync', { after, limit: 200 });
      const ids = (data.items as { id: number }[]).map(({ id }) => id);
      got.push(...ids);
      after = ids.at(-1) ?? after;
      more = data.more as boolean;
    }
    should(got).eql(sent);
    const { registry } = server.context.metrics;
    should(await registry.getSingleMetricAsString('im_push_total')).match(/result="dropped"} [1-9]/);
  });
});
