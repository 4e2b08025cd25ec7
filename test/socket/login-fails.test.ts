import { sql } from 'kysely';
import should from 'should';
import { withPush } from '../commands/push-fixture';
import { eachDatabase } from '../support/databases';
import { connect } from '../support/socket-client';

eachDatabase('A login of a socket that fails at what is known of its phone', (database) => {
  const stage = withPush(database);

  it('leaves nobody online, so that a push is due at once', async () => {
    const { server } = stage;
    const { kysely } = server.context.database;
    await server.session('s', 3, 'D', 'P');
    const token = await stage.phone('P', 'cid-p');
    const socket = await connect(server.url);
    await sql`alter table devices rename to devices_away`.execute(kysely);
    try {
      should((await socket.login(token, 's')).type).equal('error');
      await socket.closed;
    } finally {
      await sql`alter table devices_away rename to devices`.execute(kysely);
    }
    const { body } = await server.request('get', '/users/P/status').expect(200);
    should(body.online).be.false();
    await server.send('s', 'D', 'one');
    const [notice] = await stage.noticesWhen('s', (all) => all.length === 1);
    should(notice!.due_time <= notice!.create_time).be.true();
  });
});
