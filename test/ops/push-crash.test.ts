import should from 'should';
import supertest from 'supertest';
import { openDatabase } from '../../src/db/database';
import { ChildServer } from '../support/child-server';
import { eachDatabase } from '../support/databases';
import { FakeGetui } from '../support/fake-getui';
import { APP_KEY } from '../support/keys';
import { waitUntil } from '../support/wait-until';

eachDatabase(
  'A push whose process is killed',
  (database) => {
    it('is made by another one under the same name, so that the phone rings once', async function () {
      this.timeout(120_000);
      const getui = await FakeGetui.start();
      const environment = { IM_DATABASE_URL: await database.freshUrl(), ...getui.settings };
      let server = await ChildServer.start(environment);
      const ask = (method: 'get' | 'put' | 'post', path: string, body: object = {}) =>
        supertest(server.url)[method](`/api/v2${path}`).set('X-IM-App-Key', APP_KEY).send(body);
      try {
        for (const id of ['D', 'D2'])
          await ask('put', `/users/${id}`, { type: 'doctor', name: id }).expect(201);
        const phone = { user_id: 'D2', user_type: 'doctor', platform: 'ios', client_id: 'cid' };
        await ask('post', '/users/login', phone).expect(200);
        const participants = [{ id: 'D' }, { id: 'D2' }];
        await ask('post', '/sessions', { id: 's', type: 1, name: 's', participants }).expect(201);
        // Getui has it, and the process dies before it knows.
        getui.answerNext('push', { when: new Promise(() => undefined) });
        await ask('post', '/sessions/s/messages', { sender_id: 'D', type: 1, content: 'x' }).expect(201);
        await getui.waitForPushes(1);
        await server.end('SIGKILL');

        // The claim of the dead process runs out.
        const opened = openDatabase(environment.IM_DATABASE_URL);
        await opened.kysely.updateTable('notices').set({ due_time: '2020-01-01 00:00:00.000' }).execute();
        server = await ChildServer.start(environment);
        await getui.waitForPushes(2);
        await waitUntil(
          async () =>
            (await opened.kysely.selectFrom('notices').select('state').execute())[0]?.state === 'sent',
          20_000,
          () => 'the push is not recorded',
        );
        await opened.close();
        const [first, second] = getui.calls('push').map(({ body }) => body.request_id as string);
        should(first).equal(second);
        getui.delivered.length.should.equal(1);
      } finally {
        await server.end();
        await getui.stop();
      }
    });
  },
  { sqlite: 'file' },
);
