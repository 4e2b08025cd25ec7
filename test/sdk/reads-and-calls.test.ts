import should from 'should';
import { requireOrSkip } from '../support/databases';
import { until } from './support/chat-page';
import { PATIENT, SESSION, Stage } from './support/stage';

describe('SDK: read marks, typing and calls', () => {
  if (!requireOrSkip('chromium')) return;
  let stage: Stage;

  beforeEach(async () => (stage = await Stage.open()));
  afterEach(() => stage.close());

  const marks = (): unknown[] => stage.proxy.seen('client', 'read').map(({ message_id }) => message_id);

  describe('markRead', () => {
    it('says again after a drop what may not have arrived, the highest alone', async () => {
      const page = await stage.patient();
      await page.connect();
      await page.call('markRead', 3);
      await page.call('markRead', 2);
      await page.call('markRead', 3);
      await until('it is sent', () => marks().length === 1);
      stage.proxy.on('client', 'read', 'cut');
      await page.call('markRead', 5);
      await page.call('markRead', 6);
      await page.reconnected();
      await until('the server knows', () => stage.server.readUpTo(SESSION, PATIENT.id) === 6);
      should(marks().filter((id) => id !== 6)).deepEqual([3, 5]);
    });

    it('keeps a mark that was made without a connection', async () => {
      const page = await stage.patient();
      await page.call('markRead', 4);
      await page.connect();
      await until('the server knows', () => stage.server.readUpTo(SESSION, PATIENT.id) === 4);
    });

    it('does not repeat for ever what has long arrived', async () => {
      const page = await stage.patient();
      await page.installClock();
      await page.connect();
      await page.call('markRead', 4);
      await page.page.clock.runFor(30_000);
      await page.hasPong();
      stage.proxy.cut();
      await until('it is lost', async () => (await page.events('reconnecting')).length === 1);
      await page.online();
      await page.reconnected();
      await page.send('a frame after the login');
      await page.answered();
      should(marks()).deepEqual([4]);
    });

    it('tries again what the server cannot do just now, and reports what it refuses', async () => {
      const page = await stage.patient();
      await page.installClock();
      await page.connect();
      stage.proxy.on('client', 'read', { refuse: 'unavailable' });
      await page.call('markRead', 4);
      await until('it is sent', () => stage.proxy.frames.some(({ frame }) => frame.type === 'read'));
      await page.page.clock.runFor(5000);
      await until('the server knows', () => stage.server.readUpTo(SESSION, PATIENT.id) === 4);
      should(await page.events('error')).deepEqual([]);

      stage.proxy.on('client', 'read', { refuse: 'validation_failed' });
      await page.call('markRead', 9);
      await until('it is reported', async () => (await page.events('error')).length === 1);
      stage.proxy.cut();
      await until('it is lost', async () => (await page.events('reconnecting')).length === 1);
      await page.online();
      await page.reconnected();
      should(marks().filter((id) => id === 9)).have.length(1);
    });
  });

  it('says typing when there is a connection, and forgets it when there is none', async () => {
    const page = await stage.patient();
    await page.call('typing', true);
    await page.connect();
    await page.call('typing', false);
    await until('it is sent', () => stage.proxy.seen('client', 'typing').length > 0);
    should(stage.proxy.seen('client', 'typing')).deepEqual([{ session_id: SESSION, typing: false }]);
  });

  describe('calls', () => {
    const away = { rejected: { code: 'unavailable' } };

    it('invites now or not at all', async () => {
      const page = await stage.patient();
      should(await page.call('callInvite', 'video')).containDeep(away);
      await page.connect();
      should(await page.call('callInvite', 'audio')).deepEqual({
        call_id: `call-in-${SESSION}`,
        ice_servers: [],
      });
      should(stage.proxy.seen('client', 'call_invite')).deepEqual([{ session_id: SESSION, media: 'audio' }]);
      stage.proxy.on('client', 'call_invite', { refuse: 'conflict' });
      should(await page.call('callInvite', 'video')).containDeep({ rejected: { code: 'conflict' } });
      stage.proxy.on('client', 'call_invite', 'cut');
      should(await page.call('callInvite', 'video')).containDeep(away);
    });

    it('sends what is said in a call in order, also over a drop', async () => {
      const page = await stage.patient();
      await page.connect();
      await page.call('callAccept', 'c-1');
      await page.call('callSignal', 'c-1', { sdp: 'offer' });
      // What is on its way when the connection drops may be lost: nothing answers these frames.
      await until('the offer is sent', () => stage.proxy.seen('client', 'call_signal').length === 1);
      stage.proxy.refusing = true;
      stage.proxy.cut();
      await until('it is lost', async () => (await page.events('reconnecting')).length === 1);
      await page.call('callSignal', 'c-1', { candidate: 1 });
      await page.call('callSignal', 'c-1', { candidate: 2 });
      await page.call('callHangup', 'c-1');
      stage.proxy.refusing = false;
      await page.online();
      await until('all is sent', () => stage.proxy.seen('client', 'call_hangup').length === 1);
      should(stage.proxy.seen('client', 'call_signal')).deepEqual([
        { call_id: 'c-1', signal: { sdp: 'offer' } },
        { call_id: 'c-1', signal: { candidate: 1 } },
        { call_id: 'c-1', signal: { candidate: 2 } },
      ]);
      const types = stage.proxy.frames
        .map(({ frame }) => frame.type)
        .filter((type) => type.startsWith('call_'));
      should(types.at(-1)).equal('call_hangup');
    });

    it('forgets what is too old for any call', async () => {
      const page = await stage.patient();
      await page.installClock();
      await page.call('callReject', 'c-1');
      await page.page.clock.runFor(16_000);
      await page.call('callCancel', 'c-2');
      await page.connect();
      await until('the newer is sent', () => stage.proxy.seen('client', 'call_cancel').length === 1);
      should(stage.proxy.seen('client', 'call_reject')).deepEqual([]);
    });

    it('says in the error what was refused', async () => {
      const page = await stage.patient();
      await page.connect();
      await page.call('callAccept', 'c-9');
      await page.call('callSignal', 'c-9', { sdp: 'x'.repeat(70_000) });
      await until('both are refused', async () => (await page.events('error')).length === 2);
      should(await page.events('error')).containDeep([
        { code: 'payload_too_large', request: 'call_signal', call_id: 'c-9' },
        { code: 'not_found', request: 'call_accept', call_id: 'c-9' },
      ]);
      should(await page.eventNames()).not.containEql('reconnecting');
    });
  });
});
