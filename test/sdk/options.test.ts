import should from 'should';
import { requireOrSkip } from '../support/databases';
import { freePort } from '../support/free-port';
import { until } from './support/chat-page';
import { PATIENT, SESSION, Stage } from './support/stage';

describe('SDK: what a developer gets wrong at first', function () {
  this.timeout(60_000);
  if (!requireOrSkip('chromium')) return;
  let stage: Stage;

  beforeEach(async () => (stage = await Stage.open()));
  afterEach(() => stage.close());

  const given = async () => ({
    token: await stage.server.token(PATIENT),
    userId: PATIENT.id,
    userType: 'patient' as const,
    sessionId: SESSION,
  });

  it('a baseUrl that ends in /api/v2 means the same', async () => {
    for (const end of ['/api/v2', '/api/v2/']) {
      const page = await stage.page({ ...(await given()), baseUrl: `${stage.proxy.url}${end}` });
      await page.connect();
      (await page.run<string>('client.baseUrl')).should.equal(stage.proxy.url);
    }
  });

  it('a mistyped event throws', async () => {
    const page = await stage.patient();
    const thrown = await page.run<string>(
      `(function () { try { client.on('mesage', function () {}); } catch (error) { return error.message; } })()`,
    );
    should(thrown).match(/there is no event "mesage"/);
  });

  it('a host that never answers is told as an error, and it goes on', async () => {
    const page = await stage.page({ ...(await given()), baseUrl: `http://127.0.0.1:${await freePort()}` });
    await page.run('client.connect(); undefined');
    await until('it is told', async () => (await page.events('error')).length === 1);
    should((await page.events('error'))[0]).match({ code: 'unavailable', detail: /No IM server answers at/ });
    should(await page.eventNames()).not.containEql('close');
  });

  it('a new token after 4401 connects again', async () => {
    const page = await stage.page({ ...(await given()), token: 'forged' });
    await page.run('client.connect(); undefined');
    await until('it closes', async () => (await page.events('close')).length === 1);
    await page.run(`client.setToken(${JSON.stringify(await stage.server.token(PATIENT))}); undefined`);
    await until('it is open', async () => (await page.events('open')).length === 1);
  });
});
