import should from 'should';
import { eachDatabase } from '../support/databases';
import { Api } from './api';
import { topicSteps, type Message, type Topic } from './topic-steps';

eachDatabase('Topics', (database) => {
  let api: Api;
  const { started, end, topicMessages } = topicSteps(() => api);
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'P1', 'P2');
  });
  after(() => api.stop());

  it("holds the messages from its start to its end, exactly; after the end only the others' grow", async () => {
    const session = await api.session(1, 'D1', 'P1');
    await api.server.send(session, 'P1', '以前');
    const topic = await started('P1', session);
    const inside = [await api.server.send(session, 'D1', '一'), await api.server.send(session, 'P1', '二')];
    const running = await topicMessages(topic.id);
    running.items.map(({ id }) => id).should.eql([topic.start_message_id, ...inside.map(({ id }) => id)]);
    const ended = (await end('D1', session, topic.id, { message: '再见' })).body as Topic;
    await api.server.send(session, 'P1', '以后');
    const all = [topic.start_message_id, ...inside.map(({ id }) => id), ended.end_message_id!];
    should(await topicMessages(topic.id)).containEql({ more: false });
    (await topicMessages(topic.id)).items.map(({ id }) => id).should.eql(all);
    const page = async (query: string) => {
      const { items, more } = await topicMessages(topic.id, query);
      return [items.map(({ id }) => id), more];
    };
    should(await page('limit=2')).eql([all.slice(0, 2), true]);
    should(await page(`limit=2&after=${all[1]!}`)).eql([all.slice(2), false]);
    should(await page(`limit=2&before=${all[3]!}`)).eql([all.slice(1, 3), true]);
    should(await page(`after=${all[0]!}&before=${all[2]!}`)).eql([[all[1]], false]);
    should(await page('after=0')).eql([all, false]);
    should(await page('before=9007199254740991')).eql([all, false]);
    const same = (await api.get('P1', `/sessions/${session}/topics/${topic.id}/messages`)).body as {
      items: Message[];
    };
    same.items.map(({ id }) => id).should.eql(all);
  });

  it('changes: only what is given, and sockets hear of it', async () => {
    const session = await api.session(1, 'D1', 'P1');
    const topic = await started('D1', session, { description: '原来' });
    const socket = await api.server.socket('P1', session);
    const change = (body: object) => api.put('D1', `/sessions/topics/${topic.id}`, body);
    should((await change({})).body).eql(topic);
    const changed = await change({ name: '新名', type: -5, reply: 1 });
    const byHand = { reply: 1, reply_time: changed.body.reply_time as string };
    should(changed.body).eql({ ...topic, name: '新名', type: -5, ...byHand });
    should(byHand.reply_time).be.a.String();
    should((await socket.next('topic')).data.topic).eql(changed.body);
    should((await change({ description: null })).body.description).be.null();
    should((await change({ description: '' })).body.description).equal('');
    // Status and ends are not changed this way.
    should((await change({ status: 10, end_by: 'P1', id: 'x' })).body).containEql({
      status: 0,
      end_by: null,
      id: topic.id,
    });
    await socket.close();
  });
});
