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
  '/demo/assets/js/dom.js',
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

  it('lets files be kept for ever under the address that names their version, and asked for again otherwise', async () => {
    const { text } = await supertest(dev.url).get('/');
    const file = /href="(\/assets\/site\.css\?v=[0-9a-f]{12})"/.exec(text)?.[1] ?? '';
    const named = await supertest(dev.url).get(file).expect(200);
    named.headers['cache-control']!.should.equal('public, max-age=31536000, immutable');
    for (const other of ['/assets/site.css', '/assets/site.css?v=0123456789ab']) {
      const plain = await supertest(dev.url).get(other).expect(200);
      plain.headers['cache-control']!.should.equal('no-cache');
      await supertest(dev.url).get(other).set('If-None-Match', plain.headers.etag!).expect(304);
    }
  });

  it('takes GET alone', async () => {
    for (const page of ['/', '/status', '/demo/patient']) {
      const { body, headers } = await supertest(dev.url).post(page).expect(405);
      body.code.should.equal('method_not_allowed');
      headers.allow!.should.equal('GET, HEAD');
      await supertest(dev.url).head(page).set(BROWSER).expect(200);
    }
    await supertest(test.url).post('/demo/patient').expect(404);
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
