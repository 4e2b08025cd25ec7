import should from 'should';
import { requireOrSkip } from '../support/databases';
import { until } from './support/chat-page';
import { SESSION, Stage } from './support/stage';

describe('SDK: what is sent, and its promise', () => {
  if (!requireOrSkip('chromium')) return;
  let stage: Stage;

  beforeEach(async () => (stage = await Stage.open()));
  afterEach(() => stage.close());

  it('rejects what the server refuses, says so, and goes on with the next', async () => {
    const page = await stage.patient();
    await page.connect();
    await page.send({ type: 1, content: '' });
    await page.send({ type: 1, content: 'elsewhere', session_id: 'not-mine' });
    await page.send('good');
    const records = await page.answered();
    should(records.map(({ state, value }) => [state, value!.code])).deepEqual([
      ['rejected', 'validation_failed'],
      ['rejected', 'not_found'],
      ['stored', undefined],
    ]);
    const failed = await page.events('failed');
    should(failed[0]).containDeep({
      message: { type: 1, content: '', session_id: SESSION },
      error: { code: 'validation_failed' },
    });
    should(failed).have.length(2);
    should(failed[0]!.error.client_msg_id).equal(failed[0]!.message.client_msg_id);
    should(await stage.texts()).deepEqual(['good']);
    should(await page.events('error')).deepEqual([]);
  });

  it('tells what is pending', async () => {
    const page = await stage.patient();
    await page.send('one');
    await page.send('two');
    await page.connect();
    await page.answered();
    const states = (await page.events('pending')).map(({ items }) =>
      (items as { content: string; state: string }[]).map(({ content, state }) => `${content} ${state}`),
    );
    should(states).deepEqual([['one waiting'], ['one waiting', 'two waiting'], ['two sending'], []]);
    const [first] = await page.events('pending');
    should(first!.items[0].client_msg_id).match(/^[0-9a-f]{32}$/);
    should(Date.now() - Date.parse(first!.items[0].since as string)).be.within(0, 60_000);
  });

  it('rejects what is pending at close(), and what is sent after it', async () => {
    const page = await stage.patient();
    await page.connect();
    stage.proxy.on('client', 'message', 'swallow');
    await page.send('under way');
    await page.send('waiting');
    await page.run('client.close(); undefined');
    await page.send('too late');
    const records = await page.answered();
    should(records.map(({ state, value }) => [state, value!.code])).matchEach(['rejected', 'closed']);
    should(await page.events('failed')).have.length(2);
    should(await page.events('close')).deepEqual([{ code: 1000, reason: 'closed by the page' }]);
    await page.run('client.close(); undefined');
    should(await page.events('close')).have.length(1);
  });

  it('refuses by itself what the server would close the connection for', async () => {
    const page = await stage.patient();
    await page.connect();
    const huge = { type: 4, content: { title: '长'.repeat(22_000), url: 'https://example.com/' } };
    const allowed = { type: 4, content: { title: '长'.repeat(21_000), url: 'https://example.com/' } };
    await page.send(huge);
    should((await page.answered())[0]).containDeep({
      state: 'rejected',
      value: { code: 'payload_too_large' },
    });
    should(stage.proxy.seen('client', 'message')).deepEqual([]);
    await page.send(allowed);
    await until('it is sent', () => stage.proxy.seen('client', 'message').length === 1);
    should(
      await page.run(
        `var ring = { type: 1, content: {} }; ring.content.ring = ring; client.send(ring).state()`,
      ),
    ).equal('rejected');
  });

  it('sends a message as it was when send() was called', async () => {
    const page = await stage.patient();
    await page.run(`var image = { url: 'https://example.com/as-called' };
      client.send({ type: 2, content: image }); image.url = 'changed';
      client.pending()[0].content.url = 'changed too'; undefined`);
    await page.connect();
    await until('it is sent', () => stage.proxy.seen('client', 'message').length === 1);
    const [sent] = stage.proxy.seen('client', 'message');
    should(sent!.content).deepEqual({ url: 'https://example.com/as-called' });
  });

  it('takes two calls with one client_msg_id as one message', async () => {
    const page = await stage.patient();
    const states = await page.run<string[]>(`
      var message = { type: 1, content: 'once', client_msg_id: 'from-the-page' };
      [client.send(message).state(), client.send(message).state()]`);
    should(states).deepEqual(['pending', 'pending']);
    await page.connect();
    await until('nothing is pending', async () => (await page.call('pending')).length === 0);
    should(await stage.server.stored(SESSION)).containDeep([
      { content: 'once', client_msg_id: 'from-the-page' },
    ]);
    should(await stage.texts()).have.length(1);
  });

  for (const jquery of ['jquery-1', 'jquery-4']) {
    it(`outlives promise callbacks that throw beside ${jquery}`, async () => {
      const page = await stage.patient(jquery);
      await page.connect();
      await page.run(`client.send({ type: 1, content: '' }).fail(function () { throw new Error('thrown in fail'); });
        client.send({ type: 1, content: 'one' }).done(function () { throw new Error('thrown in done'); }); undefined`);
      await until('the page hears that nothing is pending', async () => {
        return (await page.events('pending')).at(-1)?.items.length === 0;
      });
      should(await stage.texts()).deepEqual(['one']);
      await until('both errors are reported', () => page.errors.length === 2);
      should(page.errors.splice(0)).deepEqual(['thrown in fail', 'thrown in done']);
    });
  }

  it('makes ids where the browser has no crypto', async () => {
    const page = await stage.patient();
    await page.run(
      "Object.defineProperty(window, 'crypto', { value: undefined }); Math.random = page.random; undefined",
    );
    await page.connect();
    for (const text of ['one', 'two', 'three']) await page.send(text);
    await page.answered();
    const ids = (await stage.server.stored(SESSION)).map(({ client_msg_id }) => client_msg_id);
    should(new Set(ids).size).equal(3);
    for (const id of ids) should(id).match(/^[\w.-]{32,128}$/);
  });
});
