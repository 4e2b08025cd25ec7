import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import should from 'should';
import supertest from 'supertest';
import { PAGES_DIRECTORY } from '../../src/controllers/pages';
import { APP_KEY, TestServer } from '../support/server';

const DEMO_PATHS = [
  '/demo/patient',
  '/demo/doctor',
  '/demo/vendor/jquery.js',
  '/demo/patient.js',
  '/demo/doctor.js',
  '/demo/assets/media/pressure.png',
];
const BROWSER = { Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };

describe('Pages over HTTP', () => {
  let dev: TestServer;
  let test: TestServer;

  before(async () => {
    dev = await TestServer.start({ IM_PROFILE: 'dev', IM_DATABASE_URL: 'sqlite::memory:' });
    test = await TestServer.start();
  });

  after(async () => {
    await dev.stop();
    await test.stop();
  });

  for (const page of ['/', '/status', '/demo/patient', '/demo/doctor']) {
    it(`serves ${page} with a strict policy and nothing inline`, async () => {
      const response = await supertest(dev.url).get(page).set(BROWSER).expect(200);
      response.headers['content-type']!.should.equal('text/html; charset=utf-8');
      const policy = response.headers['content-security-policy']!;
      policy.should.match(/default-src 'self'/).and.match(/frame-ancestors 'none'/);
      policy.should.not.match(/unsafe|upgrade-insecure-requests|script-src[^;]*http/);
      response.headers['x-content-type-options']!.should.equal('nosniff');
      should.exist(response.headers['x-request-id']);
      response.text.should.match(/^<!doctype html>\n<html lang="(en|zh-CN)">/);
      response.text.should.not.match(/<style|\sstyle=|\son[a-z]+=|javascript:|<script(?! src="\/)/i);
      // Every file that the page names is there.
      const files = [...response.text.matchAll(/(?:src|href)="(\/(?:assets|demo\/|sdk)[^"]*)"/g)];
      files.length.should.be.above(2);
      for (const [, file] of files) await supertest(dev.url).get(file!).expect(200);
    });
  }

  it('names the demo in dev only', async () => {
    const shown = await supertest(dev.url).get('/').expect(200);
    shown.text.should.match(/href="\/demo\/patient"/).and.match(/href="\/demo\/doctor"/);
    const hidden = await supertest(test.url).get('/').expect(200);
    hidden.text.should.not.match(/\/demo\//);
    hidden.text.should.match(/href="\/api\/v2\/docs"/).and.match(/href="\/status"/);
  });

  for (const demo of DEMO_PATHS) {
    it(`has ${demo} in dev, and answers not_found elsewhere`, async () => {
      await supertest(dev.url).get(demo).expect(200);
      const { body } = await supertest(test.url).get(demo).expect(404);
      body.code.should.equal('not_found');
    });
  }

  it('tells what a push of a message would show: to its participants, in dev', async () => {
    const as = async (server: TestServer, user: string) => `Bearer ${await server.token(user)}`;
    const sent = await dev.send('demo-team', 'demo-patient', '血压 150/95，头晕');
    const path = `/demo/pushed/demo-team/${sent.id}`;
    const get = async (user: string, at = path) =>
      supertest(dev.url)
        .get(at)
        .set('Authorization', await as(dev, user));
    const { body } = await get('demo-doctor');
    should(body).containEql({ title: '王建国的家庭医生团队', body: '王建国: [新消息]' });
    should(body.badge).be.above(0);
    (await get('demo-doctor', '/demo/pushed/demo-team/1e99')).status.should.equal(404);
    (await get('demo-doctor', '/demo/pushed/demo-team/99999')).status.should.equal(404);
    await dev.users('D9');
    (await get('D9')).status.should.equal(404);
    (await supertest(dev.url).get(path)).status.should.equal(401);
    (await supertest(test.url).get(path)).status.should.equal(404);
  });

  describe('speaks', () => {
    const CHINESE = 'zh-CN,zh;q=0.9,en;q=0.8';
    const cases: [path: string, chinese: RegExp, english: RegExp][] = [
      ['/', /接口文档/, /API reference/],
      // As a link may have it to which an address that ends with a slash was put together; it is no URL by itself.
      ['//', /接口文档/, /API reference/],
      ['/status', /请输入应用密钥/, /The app key, please/],
      ['/api/v2/docs', /发送消息；相同的 client_msg_id/, /Send a message; the same client_msg_id/],
    ];
    for (const [page, chinese, english] of cases) {
      it(`the browser's language at ${page}, and what its switch says`, async () => {
        const get = (path: string) => supertest(dev.url).get(path).set(BROWSER);
        const preferred = await get(page).set('Accept-Language', CHINESE).expect(200);
        preferred.text.should.match(chinese).and.match(/<html lang="zh-CN">/);
        preferred.headers.vary!.should.match(/Accept-Language/).and.match(/Cookie/);
        (await get(page).set('Accept-Language', 'de,en;q=0.5')).text.should.match(english);
        const switched = await get(`${page}?lang=en`).set('Accept-Language', CHINESE).expect(200);
        switched.text.should.match(english).and.match(/<html lang="en">/);
        const cookie = String(switched.headers['set-cookie']).split(';')[0]!;
        const later = await get(page).set('Accept-Language', CHINESE).set('Cookie', cookie).expect(200);
        later.text.should.match(english);
        // Whatever else is asked for is no language.
        (await get(`${page}?lang=%3Cscript%3E`)).text.should.match(english);
      });
    }

    it('Chinese throughout: every summary of the API has one', async () => {
      const { text } = await supertest(dev.url).get('/api/v2/docs?lang=zh').expect(200);
      const summaries = [...text.matchAll(/<p class="summary">([^<]+)<\/p>/g)].map(([, each]) => each!);
      summaries.length.should.be.above(30);
      summaries.filter((each) => !/\p{Script=Han}/u.test(each)).should.eql([]);
    });
  });

  it('says how two devices meet', async () => {
    const alone = await supertest(dev.url).get('/').expect(200);
    alone.text.should.match(/IM_HOST=0\.0\.0\.0 npm start/);
    const open = await TestServer.start({
      IM_PROFILE: 'dev',
      IM_DATABASE_URL: 'sqlite::memory:',
      IM_HOST: '0.0.0.0',
    });
    try {
      const { text } = await supertest(open.url).get('/').expect(200);
      text.should.match(/On two devices/);
      for (const [, port] of text.matchAll(/<code>http:\/\/[\d.]+:(\d+)\/<\/code>/g)) {
        Number(port).should.equal(open.port);
      }
    } finally {
      await open.stop();
    }
  });

  it('shows the readme and the guides as pages whose links lead somewhere', async () => {
    const seen = new Set<string>();
    const wanted = ['/readme.md', '/doc/readme.zh-CN.md'];
    for (let page = wanted.pop(); page !== undefined; page = wanted.pop()) {
      if (seen.has(page)) continue;
      seen.add(page);
      const response = await supertest(dev.url).get(page).set(BROWSER).expect(200);
      if (!page.endsWith('.md')) continue;
      response.headers['content-type']!.should.equal('text/html; charset=utf-8');
      response.text.should.not.match(/<script|javascript:/);
      const ids = [...response.text.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id!);
      for (const [, target] of response.text.matchAll(/(?:href|src)="([^"]+)"/g)) {
        const [address, anchor] = target!.split('#');
        if (address === '' && anchor !== undefined) ids.should.containEql(anchor);
        else if (address!.startsWith('/')) wanted.push(address!);
      }
    }
    seen.size.should.be.above(12);
    const plain = await supertest(dev.url).get('/readme.md').set('Accept', 'text/plain').expect(200);
    plain.text.should.match(/^# /);
    await supertest(dev.url).get('/doc/..%2fpackage.json').expect(404);
    await supertest(dev.url).get('/doc/images/..%2f..%2fpackage.json').expect(404);
  });

  it('lets files be kept for ever under the address that names their version, and asked for again otherwise', async () => {
    const { text } = await supertest(dev.url).get('/demo/doctor');
    for (const file of ['/assets/site.css', '/demo/doctor.js']) {
      const version = text.split(`"${file}?v=`)[1]?.slice(0, 12) ?? '';
      version.should.match(/^[0-9a-f]{12}$/);
      const named = await supertest(dev.url).get(`${file}?v=${version}`).expect(200);
      named.headers['cache-control']!.should.equal('public, max-age=31536000, immutable');
      for (const other of [file, `${file}?v=0123456789ab`]) {
        const plain = await supertest(dev.url).get(other).expect(200);
        plain.headers['cache-control']!.should.equal('no-cache');
        await supertest(dev.url).get(other).set('If-None-Match', plain.headers.etag!).expect(304);
      }
    }
  });

  it('joins all scripts of the demo, whatever is set, since they are kept for ever', async () => {
    const getui = {
      IM_GETUI_APP_ID: 'app',
      IM_GETUI_APP_KEY: 'key',
      IM_GETUI_MASTER_SECRET: 'secret',
    };
    const pushing = await TestServer.start({
      IM_PROFILE: 'dev',
      IM_DATABASE_URL: 'sqlite::memory:',
      ...getui,
    });
    const load = async (page: string, server = dev) =>
      (await supertest(server.url).get(page).expect(200)).text;
    const scripts = [await load('/demo/patient.js'), await load('/demo/doctor.js')];
    const others = {
      script: await load('/demo/doctor.js', pushing),
      page: await load('/demo/doctor', pushing),
    };
    await pushing.stop();
    others.script.should.equal(scripts[1]);
    others.page.should.not.match(/id="phone"/);
    (await load('/demo/doctor')).should.match(/id="phone"/);
    for (const file of readdirSync(path.join(PAGES_DIRECTORY, 'demo-scripts'))) {
      const text = readFileSync(path.join(PAGES_DIRECTORY, 'demo-scripts', file), 'utf8');
      should(scripts.some((script) => script.includes(text))).be.true(file);
    }
  });

  it('takes GET alone', async () => {
    const paths = [
      '/',
      '/status',
      '/demo/patient',
      '/demo/patient.js',
      '/favicon.ico',
      '/sdk/im.client.js',
      '/sdk/im.client.d.ts',
    ];
    for (const page of paths) {
      const { body, headers } = await supertest(dev.url).post(page).expect(405);
      body.code.should.equal('method_not_allowed');
      headers.allow!.should.equal('GET, HEAD');
      await supertest(dev.url).head(page).set(BROWSER).expect(200);
    }
    await supertest(test.url).post('/demo/patient').expect(404);
    await supertest(test.url).post('/sdk/other.js').expect(404);
  });

  it('serves no file but its own', async () => {
    const outside = [
      '/assets/../home.ejs',
      '/assets/..%2fhome.ejs',
      '/assets/%2e%2e/%2e%2e/frames.ts',
      '/assets/',
    ];
    for (const file of outside) await supertest(dev.url).get(file).expect(404);
  });

  describe('/status', () => {
    it('gives browsers the page and everybody else 401 without a key', async () => {
      const page = await supertest(test.url).get('/status').set(BROWSER).expect(200);
      page.text.should.match(/id="key-form"/);
      page.headers.vary!.should.match(/Accept/);
      const refused = await supertest(test.url).get('/status').expect(401);
      refused.body.code.should.equal('unauthenticated');
    });

    it('refuses wrong keys and users', async () => {
      await test.users('D1');
      const token = await test.token('D1');
      const ask = () => supertest(test.url).get('/status').set(BROWSER);
      const wrong = await ask().set('X-IM-App-Key', 'wrong').expect(401);
      wrong.body.code.should.equal('unauthenticated');
      const user = await ask().set('Authorization', `Bearer ${token}`).expect(403);
      user.body.code.should.equal('forbidden');
      await ask().set('Authorization', 'Bearer nonsense').expect(401);
    });

    it('tells the figures', async () => {
      await test.users('D2', 'P2');
      await test.session('status-1', 1, 'D2', 'P2');
      const socket = await test.socket('P2', 'status-1');
      const before = (await supertest(test.url).get('/status').set('X-IM-App-Key', APP_KEY)).body;
      await test.send('status-1', 'D2', '您好');
      const response = await supertest(test.url).get('/status').set('X-IM-App-Key', APP_KEY).expect(200);
      await socket.close();
      response.headers['cache-control']!.should.equal('no-store');
      const { body } = response;
      body.sockets.should.eql({ doctor: 0, patient: 1 });
      body.users_online.should.equal(1);
      body.messages.total.should.equal((before.messages.total as number) + 1);
      body.messages.by_table.muc_messages.should.equal(body.messages.total);
      body.sessions.should.eql({ total: 1, with_open_topic: 0 });
      Object.keys(body.notices).should.eql(['pending', 'delivered', 'sent', 'skipped', 'failed']);
      body.database.should.match({ description: /^sqlite::memory: \(.+\)$/, ok: true });
      body.bus.should.match({ ok: true, shared: false });
      body.profile.should.equal('test');
    });

    it('goes on telling when the database is away', async () => {
      const lost = await TestServer.start();
      const { database } = lost.context;
      try {
        Object.assign(database, {
          ping: () => new Promise(() => undefined),
        });
        const { body } = await supertest(lost.url).get('/status').set('X-IM-App-Key', APP_KEY).expect(200);
        body.database.should.match({ ok: false, latency_ms: null });
        body.sockets.should.eql({ doctor: 0, patient: 0 });
      } finally {
        await lost.stop();
      }
    });
  });

  it('has scripts without a way to run text', () => {
    const files = readdirSync(PAGES_DIRECTORY, { recursive: true, withFileTypes: true });
    const scripts = files.filter(({ name }) => name.endsWith('.js'));
    scripts.length.should.be.above(15);
    const running =
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|createContextualFragment/;
    const found = scripts.filter(({ name, parentPath }) =>
      running.test(readFileSync(path.join(parentPath, name), 'utf8')),
    );
    found.map(({ name }) => name).should.eql([]);
  });
});
