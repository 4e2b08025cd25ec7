import should from 'should';
import supertest from 'supertest';
import { requireOrSkip } from '../support/databases';
import { type Certificate, makeCertificate, tlsBefore } from '../support/tls-front';
import { ChildServer } from '../support/child-server';
import { ConnectProxy } from '../support/connect-proxy';
import { FakeWechat } from '../support/fake-wechat';
import { APP_KEY } from '../support/keys';
import { removeFolder, temporaryFolder } from '../support/processes';
import { wechatSettings } from '../model/notice-fixture';

/** Resolves nowhere: the proxy alone knows it. */
const HOST = 'api.weixin.invalid';

describe('A server behind a proxy', () => {
  if (!requireOrSkip('openssl')) return;
  const folder = temporaryFolder('im-proxy-');
  let certificate: Certificate;
  let wechat: FakeWechat;
  let front: { port: number; stop(): Promise<void> };
  let proxy: ConnectProxy;

  before(async () => {
    certificate = makeCertificate(folder, HOST, 'localhost');
    wechat = await FakeWechat.start();
    front = await tlsBefore(Number(new URL(wechat.baseUrl).port), certificate);
    proxy = await ConnectProxy.start({ [`${HOST}:443`]: front.port });
  });
  afterEach(() => {
    wechat.reset();
    proxy.reset();
  });
  after(async () => {
    await proxy.stop();
    await front.stop();
    await wechat.stop();
    removeFolder(folder);
  });

  /** Sends a message to a patient who is away, from a process with these settings; resolves when WeChat has it. */
  async function sendNotice(environment: Record<string, string>): Promise<ChildServer> {
    const server = await ChildServer.start({
      ...wechatSettings(wechat),
      NODE_EXTRA_CA_CERTS: certificate.certFile,
      ...environment,
    });
    const put = (path: string, body: object) =>
      supertest(server.url).put(`/api/v2${path}`).set('X-IM-App-Key', APP_KEY).send(body);
    const post = (path: string, body: object) =>
      supertest(server.url).post(`/api/v2${path}`).set('X-IM-App-Key', APP_KEY).send(body);
    await put('/users/D', { type: 'doctor', name: 'D' }).expect(201);
    await put('/users/P', { type: 'patient', name: 'P', openid: 'openid-P' }).expect(201);
    const participants = [{ id: 'D' }, { id: 'P' }];
    await post('/sessions', { id: 's', type: 3, name: 's', participants }).expect(201);
    await post('/sessions/s/messages', { sender_id: 'D', type: 1, content: 'x' }).expect(201);
    await wechat.waitForDelivered(1);
    return server;
  }

  it('calls WeChat through HTTPS_PROXY, and tells its password to nobody else', async () => {
    const withPassword = proxy.url.replace('://', '://operator:pass%40word@');
    const server = await sendNotice({
      HTTPS_PROXY: withPassword,
      NO_PROXY: 'localhost,10.0.0.1',
      IM_WECHAT_API_BASE: `https://${HOST}`,
    });
    await server.end();
    new Set(proxy.connects).should.eql(new Set([`${HOST}:443`]));
    const basic = `Basic ${Buffer.from('operator:pass@word').toString('base64')}`;
    new Set(proxy.credentials).should.eql(new Set([basic]));
    (server.stdout + server.stderr).should.not.containEql('pass');
  });

  it('calls a host of NO_PROXY straight', async () => {
    const server = await sendNotice({
      https_proxy: proxy.url,
      no_proxy: 'localhost',
      IM_WECHAT_API_BASE: `https://localhost:${front.port}`,
    });
    await server.end();
    should(proxy.connects).eql([]);
  });
});
