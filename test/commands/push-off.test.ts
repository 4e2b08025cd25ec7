import should from 'should';
import { eachDatabase } from '../support/databases';
import { FakeGetui } from '../support/fake-getui';
import { TestServer } from '../support/server';
import { waitUntil } from '../support/wait-until';

eachDatabase(
  'A push that waits',
  (database) => {
    it('is skipped by a server that has no Getui any more', async () => {
      const getui = await FakeGetui.start();
      const url = { IM_DATABASE_URL: await database.freshUrl() };
      let server = await TestServer.start({ ...url, ...getui.settings });
      const notices = () => server.context.database.kysely.selectFrom('notices').selectAll().execute();
      try {
        await server.users('D', 'D2');
        await server.session('s', 1, 'D', 'D2');
        const phone = { user_id: 'D2', user_type: 'doctor', platform: 'ios', client_id: 'cid' };
        await server.request('post', '/users/login').send(phone).expect(200);
        getui.answerAlways('push', { code: 2 });
        await server.send('s', 'D', 'x');
        await waitUntil(
          async () => ((await notices())[0]?.attempts ?? 0) > 0,
          20_000,
          () => 'the push was not tried',
        );
        await server.stop();
        server = await TestServer.start(url);
        await waitUntil(
          async () => (await notices())[0]?.state === 'skipped',
          20_000,
          () => 'the push still waits',
        );
        should((await notices())[0]!.last_error).equal('Getui is off');
        await server.send('s', 'D', 'y');
        should(await notices()).have.length(1);
      } finally {
        await server.stop();
        await getui.stop();
      }
    });
  },
  { sqlite: 'file' },
);
