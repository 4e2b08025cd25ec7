import should from 'should';
import { setTimeout as sleep } from 'node:timers/promises';
import { eachDatabase } from '../support/databases';
import { FakeGetui } from '../support/fake-getui';
import { TestServer } from '../support/server';
import { waitUntil } from '../support/wait-until';

eachDatabase(
  'A server that is stopped',
  (database) => {
    let getui: FakeGetui;
    let server: TestServer;

    beforeEach(async () => {
      getui = await FakeGetui.start();
      server = await TestServer.start({ IM_DATABASE_URL: await database.freshUrl(), ...getui.settings });
      await server.users('D', 'P');
      await server.session('s', 3, 'D', 'P');
      const phone = { user_id: 'P', user_type: 'patient', platform: 'ios', client_id: 'cid' };
      await server.request('post', '/users/login').send(phone).expect(200);
    });
    afterEach(async () => {
      await server.stop();
      await getui.stop();
    });

    it('sends the last count of what is unread before it ends', async () => {
      const first = await server.send('s', 'D', 'one');
      await server.send('s', 'D', 'two');
      const read = (query: string) =>
        server.request('get', `/sessions/s/messages?user_id=P${query}`).expect(200);
      await read(`&before=${first.id + 1}`);
      await getui.waitFor('badge', 1);
      should(getui.badges.get('cid')).equal('1');
      await read('');
      await server.stop();
      should(getui.badges.get('cid')).equal('0');
    });

    it('sends it also where that takes longer, as with a token that has expired', async () => {
      const first = await server.send('s', 'D', 'one');
      await server.send('s', 'D', 'two');
      const read = (query: string) =>
        server.request('get', `/sessions/s/messages?user_id=P${query}`).expect(200);
      await read(`&before=${first.id + 1}`);
      await getui.waitFor('badge', 1);
      await read('');
      getui.expireTokens();
      getui.answerNext('auth', { delayMs: 1_500 });
      await server.stop();
      should(getui.badges.get('cid')).equal('0');
    });

    it('is over in time where Getui answers neither badges nor pushes', async () => {
      const readAll = () => server.request('get', '/sessions/s/messages?user_id=P').expect(200);
      await server.send('s', 'D', 'one');
      await readAll();
      await getui.waitFor('badge', 1);
      for (const endpoint of ['badge', 'push'] as const) getui.answerAlways(endpoint, 'hang');
      await server.send('s', 'D', 'two');
      await readAll();
      const pushes = getui.calls('push').length;
      await server.send('s', 'D', 'three');
      await getui.waitFor('push', pushes + 1);
      const since = Date.now();
      await server.stop();
      (Date.now() - since).should.be.below(9_000);
    });

    it('does not wait for a badge that Getui does not take', async () => {
      getui.answerAlways('badge', { code: 10003 });
      await server.send('s', 'D', 'one');
      await server.request('get', '/sessions/s/messages?user_id=P').expect(200);
      await getui.waitFor('badge', 1);
      const since = Date.now();
      await server.stop();
      (Date.now() - since).should.be.below(5_000);
    });

    it('has set the badge of who left a session with something unread, and of nobody else', async () => {
      await server.session('read', 3, 'D', 'P');
      await server.send('read', 'D', 'read');
      await server.request('get', '/sessions/read/messages?user_id=P').expect(200);
      await getui.waitFor('badge', 1);
      await server.send('read', 'P', 'own');
      await server.send('s', 'D', 'one');
      const leave = (session: string) =>
        server.request('delete', `/sessions/${session}/participants/P`).expect(204);
      await leave('read');
      // A count that is sent is sent within 2 s.
      await sleep(2_500);
      should(getui.calls('badge')).have.length(1);
      await leave('s');
      await server.stop();
      should(getui.calls('badge')).have.length(2);
      should(getui.badges.get('cid')).equal('0');
    });

    it('takes back the push of a message that was taken back just before', async () => {
      const sent = await server.send('s', 'D', 'one');
      await waitUntil(
        async () =>
          (await server.request('get', '/application/notices?channel=getui')).body.items[0]?.state === 'sent',
        20_000,
        () => 'the push was not sent',
      );
      getui.answerAlways('push', { delayMs: 300 });
      await server.request('delete', `/sessions/s/messages/${sent.id}`).expect(200);
      await server.stop();
      should(getui.calls('push').at(-1)!.body.push_message).have.key('revoke');
    });
  },
  { sqlite: 'file' },
);
