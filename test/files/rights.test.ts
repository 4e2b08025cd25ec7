import should from 'should';
import { runIn } from '../../src/db/statement';
import { filesOfRecalled } from '../../src/model/files';
import { FileLinks } from '../../src/views/file';
import { eachDatabase } from '../support/databases';
import { TOKEN_SECRET } from '../support/server';
import { jpeg } from './fixtures';
import { asBackend, asUser, FileServer } from './upload-client';

const DAY_MS = 24 * 60 * 60_000;
const PATH = '/api/v2/files/';

/** How somebody comes to a file. */
type Way = (id: string, other: string) => { address: string; headers?: Record<string, string> };

eachDatabase('Who may read a file', (database) => {
  let files: FileServer;
  const tokens: Record<string, string> = {};
  const links = new FileLinks(TOKEN_SECRET);

  before(async () => {
    files = await FileServer.start({ IM_DATABASE_URL: await database.freshUrl() });
    await files.server.users('D1', 'D2', 'D3', 'P1');
    for (const user of ['D1', 'D2', 'D3', 'P1']) tokens[user] = await files.server.token(user);
    await files.server.session('s', 1, 'D1', 'P1', 'D3');
    await files.server.session('elsewhere', 3, 'D2', 'D3');
  });
  after(() => files.stop());

  const as =
    (user: string): Way =>
    (id) => ({ address: PATH + id, headers: asUser(tokens[user]!) });
  const backend: Way = (id) => ({ address: PATH + id, headers: asBackend });
  const nobody: Way = (id) => ({ address: PATH + id });
  const signed = (change: (link: URL, other: string) => void = () => undefined): Way => {
    return (id, other) => {
      const link = new URL(links.url(id), 'http://any');
      change(link, other);
      return { address: link.pathname + link.search };
    };
  };

  const WAYS: Record<string, Way> = {
    'the uploader': as('P1'),
    'a participant': as('D1'),
    'a doctor of another session': as('D2'),
    'the backend': backend,
    nobody,
    'a wrong token': (id) => ({ address: PATH + id, headers: asUser('wrong') }),
    'a wrong app key': (id) => ({ address: PATH + id, headers: { 'X-IM-App-Key': 'wrong' } }),
    'the address of a message': signed(),
    'the address, and a wrong token beside it': (id) => ({ ...signed()(id, ''), headers: asUser('wrong') }),
    "another file's signature": signed((link, other) =>
      link.searchParams.set('sig', new URL(links.url(other), 'http://any').searchParams.get('sig')!),
    ),
    'a later exp': signed((link) =>
      link.searchParams.set('exp', String(Number(link.searchParams.get('exp')) + 86400)),
    ),
    'an address of three days ago': (id) => ({ address: links.url(id, Date.now() - 3 * DAY_MS) }),
    'no sig': signed((link) => link.searchParams.delete('sig')),
    'no exp': signed((link) => link.searchParams.delete('exp')),
    'two sigs': signed((link) => link.searchParams.append('sig', 'x')),
    'an empty sig of the backend': (id) => ({ address: `${PATH}${id}?sig=`, headers: asBackend }),
    'the signature of another secret': (id) => ({ address: new FileLinks('x'.repeat(32)).url(id) }),
  };

  async function ask(id: string, other = id): Promise<Record<string, number>> {
    const answers: Record<string, number> = {};
    for (const [title, way] of Object.entries(WAYS)) {
      const { address, headers } = way(id, other);
      answers[title] = (await files.get(address, headers)).status;
    }
    return answers;
  }

  /** Of a file that everybody who may have it gets. */
  const SENT = {
    'the uploader': 200,
    'a participant': 200,
    'a doctor of another session': 404,
    'the backend': 200,
    nobody: 401,
    'a wrong token': 401,
    'a wrong app key': 401,
    'the address of a message': 200,
    'the address, and a wrong token beside it': 200,
    "another file's signature": 403,
    'a later exp': 403,
    'an address of three days ago': 403,
    'no sig': 403,
    'no exp': 403,
    'two sigs': 403,
    'an empty sig of the backend': 403,
    'the signature of another secret': 403,
  };

  const uploaded = async () => files.file(await jpeg(40, 40), { token: tokens.P1! });
  async function send(sender: string, session: string, id: string): Promise<number> {
    const answer = await files.server
      .request('post', `/sessions/${session}/messages`)
      .send({ sender_id: sender, type: 2, content: { file_id: id } });
    should(answer.status).equal(201, answer.text);
    return answer.body.id as number;
  }
  const recall = (session: string, message: number) => {
    const { database: db } = files.server.context;
    return db.transaction((trx) => filesOfRecalled(runIn(trx, db.dialect), db.dialect, session, message));
  };

  it('before it is sent: its uploader, the backend, and whoever has the address', async () => {
    should(await ask(await uploaded(), await uploaded())).eql({ ...SENT, 'a participant': 404 });
  });

  it('once it is sent: the session, too', async () => {
    const id = await uploaded();
    await send('P1', 's', id);
    should(await ask(id, await uploaded())).eql(SENT);
  });

  it('a participant who was removed no longer', async () => {
    const id = await uploaded();
    await send('P1', 's', id);
    should((await files.get(id, asUser(tokens.D3!))).status).equal(200);
    const address = links.url(id);
    await files.server.request('delete', '/sessions/s/participants/D3').expect(204);
    should((await files.get(id, asUser(tokens.D3!))).status).equal(404);
    // Who has the address keeps it until it expires.
    should((await files.get(address)).status).equal(200);
    await files.server.request('put', '/sessions/s/participants/D3').send({}).expect(201);
  });

  it('the other session, when it was sent there, too; and no more when that message was taken back', async () => {
    const id = await uploaded();
    await send('P1', 's', id);
    const again = await send('D3', 'elsewhere', id);
    should(await ask(id, await uploaded())).eql({ ...SENT, 'a doctor of another session': 200 });
    await recall('elsewhere', again);
    should(await ask(id, await uploaded())).eql(SENT);
  });

  it('nobody, once all its messages were taken back', async () => {
    const id = await uploaded();
    const messages = [await send('P1', 's', id), await send('D3', 'elsewhere', id)];
    await recall('s', messages[0]!);
    should((await files.get(id, asBackend)).status).equal(200);
    await recall('elsewhere', messages[1]!);
    const gone = Object.fromEntries(
      Object.entries(SENT).map(([way, status]) => [way, status === 200 ? 404 : status]),
    );
    should(await ask(id, await uploaded())).eql(gone);
    for (const sender of ['P1', 'D1']) {
      const answer = await files.server
        .request('post', '/sessions/s/messages')
        .send({ sender_id: sender, type: 2, content: { file_id: id } });
      should([answer.status, answer.body.errors?.[0]?.path]).eql([400, 'content.file_id']);
    }
  });

  it('a guessed id is told as an unknown one', async () => {
    const known = await uploaded();
    for (const id of ['0'.repeat(32), `${known.slice(0, 32)}.41x40`, 'nothing', '%00', '..%2f..%2fetc']) {
      should((await files.get(PATH + id, asUser(tokens.P1!))).status).equal(404, id);
      should((await files.get(PATH + id, asBackend)).status).equal(404, id);
      should((await files.get(PATH + id)).status).equal(401, id);
      should((await files.get(`${PATH}${id}?exp=1&sig=x`)).status).equal(403, id);
    }
    should((await files.get(links.url('0'.repeat(32)))).status).equal(404);
  });

  it('the address is the same all day, and good for one to two days', () => {
    const noon = Date.parse('2026-11-30T12:00:00Z');
    const expires = (at: number) =>
      Number(new URL(links.url('f', at), 'http://any').searchParams.get('exp')) * 1000;
    should(new Date(expires(noon)).toISOString()).equal('2026-12-02T00:00:00.000Z');
    should(expires(Date.parse('2026-11-30T00:00:00Z'))).equal(expires(noon));
    should(expires(Date.parse('2026-11-30T23:59:59.999Z'))).equal(expires(noon));
    const link = new URL(links.url('f', noon), 'http://any');
    const isGood = (at: number) =>
      links.isGood('f', link.searchParams.get('exp')!, link.searchParams.get('sig')!, at);
    should(isGood(expires(noon) - 1)).be.true();
    should(isGood(expires(noon))).be.false();
  });
});

describe('Who may upload', () => {
  let files: FileServer;
  before(async () => {
    files = await FileServer.start();
    await files.server.users('D1', 'P1');
  });
  after(() => files.stop());

  const CASES: [
    title: string,
    options: () => Promise<Parameters<FileServer['upload']>[1]>,
    status: number,
    code?: string,
    path?: string,
  ][] = [
    ['a user', async () => ({ token: await files.server.token('P1') }), 201],
    ['a user who names itself', async () => ({ token: await files.server.token('P1'), userId: 'P1' }), 201],
    [
      'a user for another',
      async () => ({ token: await files.server.token('P1'), userId: 'D1' }),
      403,
      'forbidden',
    ],
    ['the backend for a user', () => Promise.resolve({ userId: 'D1' }), 201],
    ['the backend for the platform', () => Promise.resolve({ userId: 'system' }), 201],
    ['the backend for nobody', () => Promise.resolve({}), 400, 'validation_failed', 'user_id'],
    ['the backend for an unknown user', () => Promise.resolve({ userId: 'nobody' }), 404, 'not_found'],
    ['the backend for what is no id', () => Promise.resolve({ userId: '../x' }), 404, 'not_found'],
    ['a wrong token', () => Promise.resolve({ token: 'wrong' }), 401, 'unauthenticated'],
  ];

  for (const [title, options, status, code, path] of CASES) {
    it(`${title}: ${status}`, async () => {
      const answer = await files.upload(await jpeg(20, 20), await options());
      should([answer.status, answer.body.code, answer.body.errors?.[0]?.path]).eql([status, code, path]);
    });
  }
});
