import should from 'should';
import { requireOrSkip } from '../support/databases';
import { type ChatPage, until } from './support/chat-page';
import { DOCTOR, PATIENT, SESSION, Stage } from './support/stage';

describe('SDK: a doctor who is bound to no session', () => {
  if (!requireOrSkip('chromium')) return;
  let stage: Stage;

  beforeEach(async () => (stage = await Stage.open()));
  afterEach(() => stage.close());

  const say = async (sessionId: string, ...texts: string[]): Promise<void> => {
    for (const text of texts) await stage.server.post(sessionId, PATIENT.id, text);
  };

  /** What has arrived, a list a session. */
  async function bySession(page: ChatPage, count: number): Promise<Record<string, string[]>> {
    await page.received(count);
    const lists = new Map<string, string[]>();
    for (const { message } of await page.events('message')) {
      lists.set(message.session_id, [...(lists.get(message.session_id) ?? []), message.content]);
    }
    return Object.fromEntries([...lists].sort());
  }

  /** Breaks the connection; `meanwhile` happens before it can come back. */
  async function away(page: ChatPage, meanwhile: () => Promise<void>): Promise<void> {
    const before = (await page.events('open')).length;
    stage.proxy.refusing = true;
    stage.proxy.cut();
    await meanwhile();
    stage.proxy.refusing = false;
    await page.online();
    await page.reconnected(before);
  }

  it('gets each session from the last message it saw there', async () => {
    // Valid ids, and traps for a client that keeps its sessions as names of an object.
    const ids = ['__proto__', 'constructor', 'c', 'd', 'e', 'f'];
    for (const id of ids) await stage.server.addSession(id, [DOCTOR, PATIENT]);
    await say('c', 'before the login');
    stage.proxy.syncLimit = 2;
    const page = await stage.doctor();
    await page.connect();
    for (const id of ids) await say(id, '1', '2');
    await page.received(12);
    await away(page, async () => {
      for (const id of ids.slice(1)) await say(id, '3', '4', '5', '6', '7');
    });
    for (const id of ids) await say(id, '8');
    const all = ['1', '2', '3', '4', '5', '6', '7', '8'];
    const expected = Object.fromEntries([
      ['__proto__', ['1', '2', '8']],
      ...ids.slice(1).map((id) => [id, all]),
    ]);
    should(await bySession(page, 43)).deepEqual(expected);
    should(stage.proxy.seen('client', 'sync').some(({ session_id }) => session_id === '__proto__')).equal(
      false,
    );
    await until('all are acknowledged', () =>
      ids.every((id) => stage.proxy.seen('client', 'ack').some(({ session_id }) => session_id === id)),
    );
  });

  it('gets a session that appears while it is connected, and goes on there after a drop', async () => {
    const page = await stage.doctor();
    await page.connect();
    await stage.server.addSession('new', [DOCTOR, PATIENT]);
    await say('new', '1', '2');
    await page.received(2);
    await away(page, () => say('new', '3'));
    await say('new', '4');
    should(await bySession(page, 4)).deepEqual({ new: ['1', '2', '3', '4'] });
  });

  it('gets a session that appears while it is away from where it joined', async () => {
    await stage.server.addSession('old', [PATIENT]);
    await say('old', 'history 1', 'history 2');
    await stage.server.addSession('quiet', [PATIENT]);
    await say('quiet', 'history 3');
    const page = await stage.doctor();
    await page.connect();
    await away(page, async () => {
      stage.server.join('old', DOCTOR);
      stage.server.join('quiet', DOCTOR);
      await stage.server.addSession('new', [DOCTOR, PATIENT]);
      await stage.server.addSession('empty', [DOCTOR, PATIENT]);
      await say('old', '1', '2');
      await say('new', '1', '2', '3');
    });
    await say('old', '3');
    await say('empty', '1');
    await say('quiet', '1');
    const expected = { empty: ['1'], new: ['1', '2', '3'], old: ['1', '2', '3'], quiet: ['1'] };
    should(await bySession(page, 8)).deepEqual(expected);
  });

  it('loses nothing of a new session whose first push was lost, or that it wrote to first', async () => {
    const page = await stage.doctor();
    await page.connect();
    await stage.server.addSession('new', [DOCTOR, PATIENT]);
    await stage.server.addSession('mine', [DOCTOR, PATIENT]);
    stage.proxy.on('server', 'message', 'cut');
    await page.send({ type: 1, content: 'my own', session_id: 'mine' });
    await page.answered();
    await say('new', '1');
    await page.reconnected();
    await say('mine', 'answer');
    await say('new', '2');
    should(await bySession(page, 3)).deepEqual({ mine: ['answer'], new: ['1', '2'] });
  });

  it('forgets a session that it was removed from; the others go on', async () => {
    await stage.server.addSession('left', [DOCTOR, PATIENT]);
    const page = await stage.doctor();
    await page.connect();
    await say('left', '1');
    await page.received(1);
    stage.proxy.on(
      'client',
      'sync',
      { refuse: 'not_found' },
      { where: ({ data }) => data.session_id === 'left' },
    );
    await away(page, async () => {
      await say('left', '2');
      await say(SESSION, '1');
    });
    await say(SESSION, '2');
    should(await bySession(page, 3)).deepEqual({ left: ['1'], [SESSION]: ['1', '2'] });
    should(await page.events('error')).deepEqual([]);
  });

  it('names the session in its calls', async () => {
    await say(SESSION, '1', '2');
    const other = 'session-2';
    await stage.server.addSession(other, [DOCTOR, PATIENT]);
    await say(other, '3');
    const page = await stage.doctor();
    await page.connect();
    await page.send({ type: 1, content: 'answer', session_id: SESSION });
    should((await page.answered())[0]).containDeep({ state: 'stored', value: { session_id: SESSION } });
    const { items } = await page.call('history', { session_id: SESSION, limit: 2 });
    should(items).containDeep([{ content: '2' }, { content: 'answer' }]);
    should([await page.call('unreadCount', SESSION), await page.call('unreadCount')]).deepEqual([2, 4]);
    await page.call('markRead', 1, SESSION);
    await page.call('typing', true, SESSION);
    await until('both are sent', () => stage.proxy.seen('client', 'typing').length === 1);
    should(stage.proxy.seen('client', 'read')).deepEqual([{ session_id: SESSION, message_id: 1 }]);
    should(stage.proxy.seen('client', 'typing')).deepEqual([{ session_id: SESSION, typing: true }]);
    should(await page.call('callInvite', 'video', SESSION)).containDeep({ call_id: `call-in-${SESSION}` });

    const missing = {
      rejected: { status: 400, code: 'validation_failed', errors: [{ path: 'session_id' }] },
    };
    should(await page.call('send', { type: 1, content: 'to whom?' })).containDeep(missing);
    should(await page.call('history')).containDeep(missing);
  });
});
