import should from 'should';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { wechatSettings } from '../model/notice-fixture';
import { ChildServer } from '../support/child-server';
import { eachDatabase, eachSqlServer } from '../support/databases';
import { FakeWechat } from '../support/fake-wechat';
import { HttpClient } from '../support/http-client';
import { type PrivateRedis, startRedis } from '../support/private-redis';
import { TestServer } from '../support/server';
import { connect, type SocketClient, terminateAll } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';

const ACK_TIMEOUT_MS = 2_000;
const CALL_TIMEOUT_MS = 2_000;
const SHIFT = path.resolve(__dirname, '../support/shifted-clock.js');

eachSqlServer(
  'Processes whose clocks differ',
  function (database) {
    this.timeout(60_000);
    let redis: PrivateRedis;
    let wechat: FakeWechat;
    let right: ChildServer;
    let wrong: ChildServer | undefined;
    let environment: Record<string, string>;
    let tokens: { D: string; P: string };
    let rest: HttpClient;

    before(async () => {
      [redis, wechat] = await Promise.all([startRedis(), FakeWechat.start()]);
      environment = {
        IM_DATABASE_URL: await database.freshUrl(),
        IM_REDIS_URL: redis.url,
        IM_ACK_TIMEOUT_MS: String(ACK_TIMEOUT_MS),
        IM_CALL_TIMEOUT_MS: String(CALL_TIMEOUT_MS),
        ...wechatSettings(wechat),
      };
      right = await ChildServer.start(environment);
      rest = new HttpClient(right.url);
      await rest.request('PUT', '/users/D', { type: 'doctor', name: 'D' });
      await rest.request('PUT', '/users/P', { type: 'patient', name: 'P', openid: 'openid-P' });
      const participants = [{ id: 'D' }, { id: 'P' }];
      await rest.request('POST', '/sessions', { id: 's', type: 3, name: 's', participants });
      const login = async (id: string, type: string) => {
        const answer = await rest.request('POST', '/users/login', { user_id: id, user_type: type });
        return answer.body.token as string;
      };
      tokens = { D: await login('D', 'doctor'), P: await login('P', 'patient') };
    });
    afterEach(async () => {
      await terminateAll();
      await wrong?.end();
      wechat.reset();
    });
    after(async () => {
      rest.close();
      await right.end();
      await wechat.stop();
      await redis.remove();
    });

    function startWrong(shiftMs: number): Promise<ChildServer> {
      return ChildServer.start({
        ...environment,
        NODE_OPTIONS: `--require ${SHIFT}`,
        CLOCK_SHIFT_MS: String(shiftMs),
      });
    }

    async function socket(server: ChildServer, user: 'D' | 'P'): Promise<SocketClient> {
      const client = await connect(server.url);
      const answer = await client.login(tokens[user], 's', user === 'D' ? 'doctor' : 'patient');
      should(answer.type).equal('login_ok');
      return client;
    }

    /** Sends a message through `server`. @returns its id */
    async function send(server: ChildServer, content: string): Promise<number> {
      const client = new HttpClient(server.url);
      const answer = await client.send('s', 'D', { type: 1, content });
      client.close();
      should(answer.status).equal(201);
      return answer.body.id as number;
    }

    async function seesPatient(server: ChildServer): Promise<void> {
      const client = new HttpClient(server.url);
      await waitUntil(
        async () => (await client.get('/users/P/status')).body.online === true,
        20_000,
        () => 'the patient is not seen',
      );
      client.close();
    }

    it('send nothing by WeChat that is acknowledged, and nothing twice: one is half a minute ahead', async () => {
      wrong = await startWrong(30_000);
      const patient = await socket(right, 'P');
      await seesPatient(wrong);
      for (let n = 0; n < 10; n += 1) {
        const id = await send(n % 2 === 0 ? wrong : right, `第${n}条`);
        (await patient.next('message')).data.message.id.should.equal(id);
        patient.send('ack', { message_id: id });
      }
      await sleep(ACK_TIMEOUT_MS + 1_500);
      should(wechat.sends).eql([]);

      // WeChat takes its time, and the one ahead looks for notices meanwhile.
      wechat.answerNext('send', { delayMs: 3_000 });
      const since = performance.now();
      await send(right, '没有确认');
      await wechat.waitForDelivered(1, 15_000);
      (performance.now() - since).should.be.aboveOrEqual(ACK_TIMEOUT_MS);
      await sleep(1_500);
      should(wechat.sends.length).equal(1);
    });

    it('let a call ring for its time: the one ahead does not end it', async () => {
      wrong = await startWrong(30_000);
      const [doctor, patient] = [await socket(right, 'D'), await socket(wrong, 'P')];
      await seesPatient(right);
      const since = performance.now();
      should((await doctor.request('call_invite', { media: 'video' })).type).equal('call_ok');
      await patient.next('call_invite');
      const ended = await doctor.next('call_ended', 15_000);
      should(ended.data.result).equal('missed');
      (performance.now() - since).should.be.aboveOrEqual(CALL_TIMEOUT_MS);
    });

    it('take up what a dead process leaves in time: the one that lives is a minute behind', async () => {
      wrong = await startWrong(-60_000);
      const second = await ChildServer.start(environment);
      await socket(second, 'P');
      await seesPatient(second);
      await send(second, '没有人确认');
      await second.end('SIGKILL');
      // The right one is stopped, too: the one that is behind has to do it.
      await right.end();
      await wechat.waitForDelivered(1, 15_000);
      right = await ChildServer.start(environment);
      rest.close();
      rest = new HttpClient(right.url);
    });
  },
  'redis',
);

eachDatabase('A clock that is set back', (database) => {
  const now = Date.now.bind(Date);
  afterEach(() => {
    Date.now = now;
  });

  it('by an hour keeps no sender waiting, nor does one that is set ahead', async () => {
    const server = await TestServer.start({ IM_DATABASE_URL: await database.freshUrl(), IM_SEND_RATE: '2' });
    try {
      await server.users('D', 'P');
      await server.session('s', 3, 'D', 'P');
      const token = await server.token('D');
      const send = () =>
        server.request('post', '/sessions/s/messages', token).send({ type: 1, content: 'x' });
      for (const shift of [-3_600_000, 0, 3_600_000, 0]) {
        Date.now = () => now() + shift;
        await waitUntil(
          async () => {
            const answer = await send();
            should(answer.status).be.oneOf(201, 429);
            if (answer.status === 429) Number(answer.headers['retry-after']).should.be.within(1, 2);
            return answer.status === 201;
          },
          20_000,
          () => 'the sender waits',
        );
        const messages = await server.request('get', '/sessions/s/messages?peek=1');
        const times = (messages.body.items as { timestamp: string }[]).map(({ timestamp }) => timestamp);
        should(times).eql([...new Set(times)].sort());
      }
    } finally {
      await server.stop();
    }
  });
});
