import should from 'should';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describeError, log } from '../../src/logger';
import { wechatSettings } from '../model/notice-fixture';
import { ChildServer } from '../support/child-server';
import { FakeWechat } from '../support/fake-wechat';
import { HttpClient } from '../support/http-client';
import { linesPrintedBy } from '../support/log-lines';
import { removeFolder, temporaryFolder } from '../support/processes';
import { APP_KEY, TOKEN_SECRET } from '../support/server';
import { connect, terminateAll } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';

const MARKER = 'Zmarker';
const LINE = /^\[(ERROR|WARN|INFO|DEBUG)\] [\w.-]+\.[jt]s\(\d+,\d+\): .+$/;

/** The place `below` lines under the call of this function, as a log line names it, but for the column. */
function here(below: number): string {
  const frame = new Error().stack?.split('\n')[2] ?? '';
  return `logger.test.ts(${Number(/:(\d+):\d+\)?$/.exec(frame)?.[1]) + below},`;
}

describe('A line of the log', () => {
  it('names the level, and the place of its caller', async () => {
    let warned = '';
    let failed = '';
    const lines = await linesPrintedBy(async () => {
      warned = here(1);
      log.warn('of a warning');
      await Promise.resolve();
      failed = here(1);
      log.error('after an await');
    });
    should(lines.length).equal(2);
    lines[0]!.should.startWith(`[WARN] ${warned}`).and.endWith('): of a warning');
    lines[1]!.should.startWith(`[ERROR] ${failed}`).and.endWith('): after an await');
  });

  it('is one line, whatever its text holds', async () => {
    const lines = await linesPrintedBy(() => {
      log.info('one\n[ERROR] app.js(1,1): forged\r\ntwo\rthree');
      return Promise.resolve();
    });
    should(lines.length).equal(1);
    lines[0]!.should.endWith('): one | [ERROR] app.js(1,1): forged | two | three');
  });

  it('says nothing below its level', async () => {
    const lines = await linesPrintedBy(() => {
      log.debug('not now');
      return Promise.resolve();
    });
    should(lines).eql([]);
  });

  it('tells of an error what and where, not what a client sent', () => {
    const error = Object.assign(new TypeError(`bad value ${MARKER}`), { code: 'E_X', errno: 5 });
    const text = describeError(error);
    text.should.match(/^TypeError E_X errno 5 at /);
    text.should.containEql('logger.test.ts');
    text.should.not.containEql(MARKER);
    describeError(MARKER).should.not.containEql(MARKER);
    describeError(undefined).should.be.a.String();
  });
});

describe('The log of a server', () => {
  it('never holds a content, a token, a key or an openid, not even at IM_LOG_LEVEL=debug', async function () {
    this.timeout(60_000);
    const folder = temporaryFolder('im-log-');
    const fake = await FakeWechat.start({ appSecret: `${MARKER}-wechat-secret` });
    const server = await ChildServer.start({
      IM_LOG_LEVEL: 'debug',
      IM_LOG_DIR: folder,
      IM_SEND_RATE: '1',
      ...wechatSettings(fake),
    });
    const rest = new HttpClient(server.url);
    const openid = `${MARKER}-openid`;
    try {
      for (const [id, type] of [
        ['D', 'doctor'],
        ['P', 'patient'],
      ] as const) {
        const made = await rest.request('PUT', `/users/${id}`, { type, name: id, openid });
        made.status.should.equal(201);
      }
      const participants = [{ id: 'D' }, { id: 'P' }];
      await rest.request('POST', '/sessions', { id: 's', type: 3, name: 's', participants });
      const login = await rest.request('POST', '/users/login', { user_id: 'D', user_type: 'doctor' });
      const token = login.body.token as string;

      // What is taken, what is refused, and what breaks off, through both doors; WeChat refuses in all its ways.
      const answers = [
        { errcode: 40001 },
        { errcode: 40001 },
        { errcode: 43004, errmsg: MARKER },
        { errcode: -1 },
      ];
      fake.answerNext('send', ...answers, 'close', { body: MARKER }, { errcode: 45009 });
      fake.answerNext('token', { errcode: 40125, errmsg: MARKER });
      for (let turn = 0; turn < 8; turn += 1) {
        await rest.send('s', 'D', {
          type: 1,
          content: `${MARKER} ${turn}`,
          client_msg_id: `${MARKER}${turn}`,
        });
      }
      await rest.send('s', 'D', { type: 11, content: MARKER });
      await rest.send('s', 'nobody', { type: 1, content: MARKER });
      await rest.send('s', 'D', { type: 1, content: `${MARKER}\0` });
      await rest.get(`/sessions/${MARKER}/messages?user_id=${MARKER}`);
      const forged = new HttpClient(server.url, `${MARKER}.${MARKER}.x`);
      (await forged.get('/users/D')).status.should.equal(401);
      const user = new HttpClient(server.url, token);
      const statuses = [];
      for (let turn = 0; turn < 4; turn += 1) {
        const { status } = await user.request('POST', '/sessions/s/messages', { type: 1, content: MARKER });
        statuses.push(status);
      }
      statuses.should.containEql(429);
      const socket = await connect(server.url);
      await socket.login(token, 's', 'doctor');
      socket.sendRaw(`{"type":"${MARKER}"`);
      socket.sendRaw(Buffer.from(MARKER));
      await socket.request('message', { type: 1, content: MARKER });
      await socket.request('message', { type: 1, content: [MARKER] });
      await socket.request('sync', { session_id: MARKER, after: 0 });
      const other = await connect(server.url);
      await other.request('login', { token: MARKER, session_id: 's', user_type: 'doctor' });
      await user.request('POST', '/users/logout', {});
      await waitUntil(
        () => fake.tokenRequests.length > 1 && fake.sends.length > 2,
        20_000,
        () => 'WeChat was asked for too little',
      );
      const accessTokens = fake.sends.map((send) => send.accessToken ?? '').filter((each) => each !== '');
      forged.close();
      user.close();
      await terminateAll();
      should(await server.end()).eql({ code: 0, signal: null });

      const printed = `${server.stdout}${server.stderr}`;
      for (const secret of [MARKER, APP_KEY, TOKEN_SECRET, token, token.split('.')[2]!, ...accessTokens]) {
        should(printed.includes(secret)).equal(false, `the log holds ${secret}`);
      }
      should(server.stderr).equal('');
      for (const line of server.lines) line.should.match(LINE);
      server.lines.some((line) => line.startsWith('[DEBUG]')).should.be.true();
      server.lines.some((line) => line.startsWith('[ERROR]')).should.be.true();
      // The file holds what the console showed, each line behind its time.
      const kept = readFileSync(path.join(folder, 'im.log'), 'utf8').replace(/^\S+Z (?=\[)/gm, '');
      should(kept).equal(server.stdout);
    } finally {
      await terminateAll();
      rest.close();
      await server.end('SIGKILL');
      await fake.stop();
      removeFolder(folder);
    }
  });
});
