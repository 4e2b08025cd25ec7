import 'should';
import { eachDatabase } from '../support/databases';
import { TestServer } from '../support/server';

eachDatabase('The main job', (database) => {
  it("takes a doctor's REST message to the patient's socket", async () => {
    const server = await TestServer.start({ IM_DATABASE_URL: await database.freshUrl() });
    try {
      await server.users('D1', 'P1');
      await server.session('s1', 1, 'D1', 'P1');
      const socket = await server.socket('P1', 's1');
      const sent = await server.send('s1', 'D1', '您好 😀 <script>');
      const pushed = await socket.next('message');
      pushed.data.message.should.eql(sent);
      await socket.close();
    } finally {
      await server.stop();
    }
  });
});
