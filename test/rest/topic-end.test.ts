import should from 'should';
import { eachDatabase } from '../support/databases';
import { Api } from './api';
import { topicSteps } from './topic-steps';

eachDatabase('Ending a topic', (database) => {
  let api: Api;
  const { started, end, topicOf, messagesOf } = topicSteps(() => api);
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'P1', 'P2');
  });
  after(() => api.stop());

  it('writes a type 7 message and, with a message, one of type 10', async () => {
    const session = await api.session(1, 'D1', 'P1');
    const topic = await started('P1', session);
    const answer = await end('D1', session, topic.id, { user_name: '李主任', message: '多喝水 😀' });
    answer.status.should.equal(200);
    const [, ended, after] = await messagesOf(session);
    should(ended).containEql({ sender_id: 'D1', type: 7, content: { topic_id: topic.id, name: '咨询' } });
    should(after).containEql({ sender_id: 'D1', sender_name: 'D1的名字', type: 10, content: '多喝水 😀' });
    should(answer.body).eql({
      ...topic,
      status: 10,
      end_message_id: ended!.id,
      end_time: (ended as unknown as { timestamp: string }).timestamp,
      end_by: 'D1',
      end_by_name: '李主任',
    });
    should((await api.get('D1', `/sessions/${session}/session`)).body).containEql({
      status: 0,
      last_content_type: 10,
    });
  });

  it("without a name it is the profile's, and without a message there is none", async () => {
    const session = await api.session(1, 'D1', 'P1');
    const topic = await started('D1', session);
    should((await end('backend', session, topic.id, { user_id: 'P1' })).body).containEql({
      end_by: 'P1',
      end_by_name: 'P1的名字',
    });
    (await messagesOf(session)).map(({ type }) => type).should.eql([6, 7]);
  });

  it('somebody with a long id who has no profile any more may end it, too', async () => {
    const id = `D${'x'.repeat(127)}`;
    await api.put('backend', `/users/${id}`, { type: 'doctor', name: '李主任' });
    const session = await api.session(1, id, 'P1');
    const topic = await started('P1', session);
    await api.server.context.database.kysely.deleteFrom('doctors').where('id', '=', id).execute();
    const { body, status } = await end('backend', session, topic.id, { user_id: id });
    should([status, body.end_by, body.end_by_name]).eql([200, id, id.slice(0, 100)]);
  });

  it('again changes nothing: 200 and the same topic', async () => {
    const session = await api.session(1, 'D1', 'P1');
    const topic = await started('D1', session);
    const first = await end('D1', session, topic.id);
    const again = await end('P1', session, topic.id, { message: 'x', user_name: 'y' });
    should([again.status, again.body]).eql([200, first.body]);
    (await messagesOf(session)).length.should.equal(2);
    // A topic that was ended before leaves the next one alone.
    const next = await started('D1', session);
    (await end('D1', session, topic.id)).status.should.equal(200);
    (await topicOf(next.id)).status.should.equal(0);
    should((await api.get('D1', `/sessions/${session}/session`)).body.status).equal(1);
  });

  it('twenty at once end it once', async () => {
    const session = await api.session(1, 'D1', 'P1');
    const topic = await started('D1', session);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        end(index % 2 === 0 ? 'D1' : 'P1', session, topic.id, { message: `${index}` }),
      ),
    );
    answers.map(({ status }) => status).should.eql(Array(20).fill(200));
    (await messagesOf(session)).map(({ type }) => type).should.eql([6, 7, 10]);
  });

  it('current is the last topic, open or ended; without any it is not there', async () => {
    const session = await api.session(1, 'D1', 'P1');
    const ended = async (topic: string) =>
      (await api.get('D1', `/sessions/${session}/topics/${topic}/ended`)).body as object;
    (await api.get('D1', `/sessions/${session}/topics/current/ended`)).status.should.equal(404);
    (await end('D1', session, 'current')).status.should.equal(404);
    const first = await started('D1', session);
    should(await ended('current')).eql({ session_id: session, topic_id: first.id, ended: false });
    should((await end('D1', session, 'current')).body.id).equal(first.id);
    should(await ended('current')).eql({ session_id: session, topic_id: first.id, ended: true });
    const second = await started('D1', session);
    should(await ended('current')).eql({ session_id: session, topic_id: second.id, ended: false });
    should(await ended(first.id)).eql({ session_id: session, topic_id: first.id, ended: true });
  });

  it("another session's topic is not there", async () => {
    const [session, other] = [await api.session(1, 'D1', 'P1'), await api.session(1, 'D1', 'P1')];
    const topic = await started('D1', other);
    for (const path of [
      `/sessions/${session}/topics/${topic.id}/ended`,
      `/sessions/${session}/topics/${topic.id}/messages`,
    ]) {
      (await api.get('D1', path)).status.should.equal(404);
    }
    (await end('D1', session, topic.id)).status.should.equal(404);
    (await topicOf(topic.id)).status.should.equal(0);
  });

  it('a user writes in no system session, not even the end of a topic', async () => {
    const session = await api.session(0, 'D1', 'P1');
    const topic = await started('backend', session);
    const refused = await end('D1', session, topic.id, { message: 'x' });
    should([refused.status, refused.body.code]).eql([403, 'forbidden']);
    (await end('backend', session, topic.id, { user_id: 'D1' })).status.should.equal(200);
  });
});
