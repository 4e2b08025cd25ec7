import should from 'should';
import { requireOrSkip } from '../support/databases';
import { type ChatPage, until } from './support/chat-page';
import { RealServer } from './support/real-server';
import { DOCTOR, PATIENT, SESSION, Stage } from './support/stage';

/** What a page of that session shows in the end. */
interface Shown {
  id: number;
  content: unknown;
  recalled: unknown;
  quoted: unknown;
}

describe('SDK: taking back', () => {
  if (!requireOrSkip('chromium')) return;
  let stage: Stage<RealServer>;

  beforeEach(async () => (stage = await Stage.on(new RealServer())));
  afterEach(() => stage.close());

  const recallByBackend = (id: number) =>
    stage.server.server.request('delete', `/sessions/${SESSION}/messages/${id}`).expect(200);

  it('and quoting and finding, by its methods', async () => {
    const [patient, doctor] = [await stage.patient(), await stage.doctor()];
    await Promise.all([patient.connect(), doctor.connect()]);
    await patient.send('血压有点高');
    const [first] = await patient.answered();
    await patient.send({ type: 1, content: '引用', reply_to: first!.value!.id });
    const quote = (await patient.answered())[1]!.value! as unknown as { id: number; reply_to: object };
    should(quote.reply_to).containEql({ id: first!.value!.id, text: '血压有点高' });
    await doctor.received(2);
    const found = await doctor.call('sessions.searchMessages', SESSION, { q: '血压' });
    should([found.items[0].id, found.next]).deepEqual([first!.value!.id, null]);

    const taken = await patient.call('recall', first!.value!.id);
    should(taken).containEql({ id: first!.value!.id, content: null });
    await until('the doctor hears of it', async () => (await doctor.events('recall')).length === 1);
    should(await doctor.events('recall')).deepEqual([
      { session_id: SESSION, id: 1, message_id: first!.value!.id, recalled: taken.recalled },
    ]);
    // Again, and of somebody else's.
    should(await patient.call('recall', first!.value!.id)).deepEqual(taken);
    should((await doctor.call('recall', quote.id, SESSION)).rejected.code).equal('forbidden');
    should(await doctor.call('sessions.recalls', SESSION)).deepEqual({
      items: [{ id: 1, message_id: first!.value!.id, recalled: taken.recalled }],
      more: false,
    });
    should(await patient.call('sessions.recallMessage', SESSION, quote.id)).containEql({ content: null });
    await until('the patient hears of it', async () => (await patient.events('recall')).length === 1);
    should((await patient.events('recall'))[0]!.message_id).equal(quote.id);
  });

  it('is learnt by whoever was away, and waits for the connection', async () => {
    const doctor = await stage.doctor();
    await doctor.connect();
    const [first, second] = [
      await stage.server.post(SESSION, PATIENT.id, '一'),
      await stage.server.post(SESSION, PATIENT.id, '二'),
    ];
    await doctor.received(2);
    await doctor.send({ type: 1, content: '我的', session_id: SESSION });
    const own = (await doctor.answered())[0]!.value!.id;

    stage.proxy.refusing = true;
    stage.proxy.cut();
    await until('it is away', async () => (await doctor.events('reconnecting')).length > 0);
    await doctor.run(
      `page.taken = 'pending'; client.recall(${own}, '${SESSION}').done(function (m) { page.taken = m; }); undefined`,
    );
    const third = await stage.server.post(SESSION, PATIENT.id, '三');
    for (const id of [second, third, first]) await recallByBackend(id);
    should(await doctor.run('page.taken')).equal('pending');
    stage.proxy.refusing = false;
    await doctor.online();
    await until('it is answered', async () => (await doctor.run('page.taken')) !== 'pending');
    await until('it has heard of all', async () => (await doctor.events('recall')).length === 3);
    should(
      (await doctor.events('recall')).map((told) => [told.id as number, told.message_id as number]),
    ).deepEqual([
      [1, second],
      [2, third],
      [3, first],
    ]);
    // What was taken back meanwhile comes, in its place, without its content.
    const last = (await doctor.events('message')).at(-1)!.message;
    should([last.id, last.content, last.recalled.by]).deepEqual([third, null, 'system']);
    should(await doctor.run<object>('page.taken')).containEql({ id: own, content: null });
  });

  it("tells of another's recall while one's own of the same message is under way, which is refused", async () => {
    const doctor = await stage.doctor();
    await doctor.connect();
    const id = await stage.server.post(SESSION, PATIENT.id, '一');
    await doctor.received(1);
    // The other's recall is heard of before one's own is asked for: it waits for the connection.
    stage.proxy.refusing = true;
    stage.proxy.cut();
    await until('it is away', async () => (await doctor.events('reconnecting')).length > 0);
    await doctor.run(`
      var ask = client._askRecall;
      client._askRecall = function (entry) { page.askLater = function () { ask.call(client, entry); }; };
      page.taken = 'pending';
      client.recall(${id}, '${SESSION}').fail(function (error) { page.taken = error.code; });
      undefined`);
    await recallByBackend(id);
    stage.proxy.refusing = false;
    await doctor.online();
    await until('it hears of the recall', async () => (await doctor.events('recall')).length === 1);
    should((await doctor.events('recall'))[0]).containEql({ message_id: id });
    should(await doctor.run('page.taken')).equal('pending');
    await doctor.run('page.askLater(); undefined');
    await until('it is answered', async () => (await doctor.run('page.taken')) !== 'pending');
    should(await doctor.run('page.taken')).equal('forbidden');
    should(await doctor.events('recall')).have.length(1);
  });

  it('takes out of history what was taken back while that was on its way', async () => {
    const patient = await stage.patient();
    const id = await stage.server.post(SESSION, DOCTOR.id, '秘密');
    await patient.connect();
    // The page was read before the recall, and comes after it.
    await patient.run(`
      page.held = new Promise(function (resolve) { page.release = resolve; });
      var messages = client.sessions.messages;
      client.sessions.messages = function () {
        return messages.apply(this, arguments).then(function (read) {
          var deferred = jQuery.Deferred();
          page.read = true;
          page.held.then(function () { deferred.resolve(read); });
          return deferred.promise();
        });
      };
      client.history().then(function (read) { page.history = read; });
      undefined`);
    await until('history is read', () => patient.run<boolean>('page.read === true'));
    await recallByBackend(id);
    await until('it hears of the recall', async () => (await patient.events('recall')).length === 1);
    await patient.run('page.release(); undefined');
    await until('history is there', () => patient.run<boolean>('page.history !== undefined'));
    const shown = await patient.run<{ items: { content: unknown; recalled: { by: string } }[] }>(
      'page.history',
    );
    should([shown.items[0]!.content, shown.items[0]!.recalled.by]).deepEqual([null, 'system']);
  });

  it('ends with the client, with the reason', async () => {
    const patient = await stage.patient();
    await patient.run(
      `client.recall(1).fail(function (error) { page.failed = error.code; }); client.connect(); client.close(); undefined`,
    );
    should(await patient.run('page.failed')).equal('closed');
    should((await patient.call('recall', 1)).rejected.code).equal('closed');
  });

  /** What a page shows that does what doc/sdk.md says: its events, and the answers to its own calls. */
  async function shownBy(page: ChatPage): Promise<Shown[]> {
    return page.run<Shown[]>(`
      var shown = {}; var gone = {};
      page.events.forEach(function (e) {
        if (e.name === 'message') shown[e.data.message.id] = JSON.parse(JSON.stringify(e.data.message));
        if (e.name === 'recall') gone[e.data.message_id] = e.data.recalled;
      });
      page.sends.forEach(function (s) { if (s.value) shown[s.value.id] = JSON.parse(JSON.stringify(s.value)); });
      (page.taken || []).forEach(function (m) { gone[m.id] = m.recalled; });
      Object.keys(shown).map(Number).sort(function (a, b) { return a - b; }).map(function (id) {
        var m = shown[id];
        var isGone = gone[id] || m.recalled;
        return {
          id: id,
          content: isGone ? null : m.content,
          recalled: isGone || null,
          quoted: m.reply_to ? (gone[m.reply_to.id] ? null : m.reply_to.text) : 'nothing',
        };
      })`);
  }

  it('over any number of drops ends with exactly what the server shows', async function () {
    this.timeout(120_000);
    const { proxy, server } = stage;
    proxy.syncLimit = 3;
    const [patient, doctor] = [await stage.patient(), await stage.doctor()];
    const pages = [patient, doctor];
    await Promise.all(pages.map((page) => page.connect()));
    let turn = 0;
    let cuts = 0;
    proxy.fate = () => {
      turn += 1;
      if (turn % 9 !== 0) return undefined;
      cuts += 1;
      return turn % 2 === 0 ? 'cut' : 'pass-and-cut';
    };
    const ids: number[] = [];
    for (let n = 0; n < 24; n += 1) {
      const quoted = ids.at(-1);
      for (const page of pages)
        await page.send({ type: 1, content: `${n}`, session_id: SESSION, reply_to: quoted });
      ids.push(await server.post(SESSION, DOCTOR.id, `elsewhere ${n}`));
      if (n % 3 === 0) await recallByBackend(ids.splice(0, 1)[0]!);
      for (const page of pages) {
        await page.run(`
          page.taken = page.taken || [];
          var own = page.sends.filter(function (s) { return s.value && !s.asked; })[0];
          if (own) {
            own.asked = true;
            client.recall(own.value.id, '${SESSION}').done(function (m) { page.taken.push(m); });
          }
          undefined`);
        await page.online();
      }
    }
    proxy.fate = (): undefined => undefined;
    await until(
      'all is answered',
      async () => {
        const states = await Promise.all(
          pages.map(async (page) => {
            await page.online();
            return page.run<boolean>(`page.sends.every(function (s) { return s.value; })
              && page.sends.filter(function (s) { return s.asked; }).length === page.taken.length`);
          }),
        );
        return states.every(Boolean);
      },
      30_000,
    );
    const stored = (await server.stored(SESSION)) as unknown as {
      id: number;
      content: unknown;
      recalled: unknown;
      reply_to: { text: string | null } | null;
    }[];
    const wanted = stored.map(({ content, id, recalled, reply_to: quote }) => {
      return { id, content, recalled, quoted: quote === null ? 'nothing' : quote.text };
    });
    should(wanted.filter(({ recalled }) => recalled !== null).length).be.above(20);
    should(cuts).be.above(10);
    for (const page of pages) {
      await until(
        'the page shows what the server shows',
        async () => JSON.stringify(await shownBy(page)) === JSON.stringify(wanted),
        10_000,
      ).catch(async () => should(await shownBy(page)).deepEqual(wanted));
      const told = (await page.events('recall')).map(({ id }) => id as number);
      should(new Set(told).size).equal(told.length);
      should(told).deepEqual([...told].sort((first, second) => first - second));
      const own = new Set(await page.run<number[]>('page.taken.map(function (m) { return m.id; })'));
      const events = await page.events('recall');
      should(events.filter(({ message_id: id }) => own.has(id as number))).deepEqual([]);
    }
  });
});
