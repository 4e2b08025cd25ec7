import should from 'should';
import { DEADLINE_MS } from '../../src/controllers/rest/perform';
import { type Database, openDatabase } from '../../src/db/database';
import { TestServer } from '../support/server';
import { terminateAll } from '../support/socket-client';

/** A database whose commits are done at once, and tell so only when they are let go. */
class SlowCommits {
  readonly database: Database;
  isSlow = false;
  #letGo: () => void = () => undefined;
  readonly #gone = new Promise<void>((resolve) => (this.#letGo = resolve));

  constructor() {
    const real = openDatabase('sqlite::memory:', { connections: 1 });
    this.database = {
      ...real,
      batchTransaction: async (work) => {
        const value = await real.batchTransaction(work);
        if (this.isSlow) await this.#gone;
        return value;
      },
    };
  }

  letGo(): void {
    this.#letGo();
  }
}

describe('A send whose answer comes too late', () => {
  let server: TestServer;
  let slow: SlowCommits;

  before(async () => {
    slow = new SlowCommits();
    server = await TestServer.start({}, {}, { database: slow.database });
    await server.users('D', 'P');
    await server.session('s', 3, 'D', 'P');
  });

  after(async () => {
    await terminateAll();
    await server.stop();
  });

  it('is `unavailable` and nothing more; it may be stored, and the same client_msg_id finds it', async function () {
    this.timeout(30_000);
    const [sender, own, other] = [
      await server.socket('P', 's'),
      await server.socket('P', 's'),
      await server.socket('D', 's'),
    ];
    const message = { type: 1, content: '您好', client_msg_id: 'c1' };
    const overRest = { ...message, sender_id: 'D', client_msg_id: 'c2' };
    slow.isSlow = true;
    const answer = sender.request('message', message, DEADLINE_MS + 8_000);
    const response = server.request('post', '/sessions/s/messages').send(overRest);
    const [refused, { body, status }] = await Promise.all([answer, response]);
    should([refused.type, refused.data.code]).eql(['error', 'unavailable']);
    should([status, body.code]).eql([503, 'unavailable']);
    slow.isSlow = false;
    slow.letGo();

    // It was stored: everybody hears of it, its sender by a push like the others, and not by a second answer. (The one that
    // came over REST waited behind it, and is not.)
    for (const socket of [sender, own, other]) {
      should((await socket.next('message')).data.message.client_msg_id).equal('c1');
    }
    should(sender.frames.filter(({ ref }) => ref === refused.ref)).eql([refused]);

    const again = await sender.request('message', message);
    should(again.type).equal('message_ok');
    const first = sender.frames.find(
      ({ data, type }) => type === 'message' && data.message.client_msg_id === 'c1',
    );
    should(again.data.message).eql(first?.data.message);
    const repeated = await server.request('post', '/sessions/s/messages').send(overRest);
    should(repeated.status).equal(201);
    const { body: page } = await server.request('get', '/sessions/s/messages').expect(200);
    should((page.items as { client_msg_id: string }[]).map(({ client_msg_id }) => client_msg_id).sort()).eql([
      'c1',
      'c2',
    ]);
  });
});
