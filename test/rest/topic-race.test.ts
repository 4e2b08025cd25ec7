import should from 'should';
import { ChildServer } from '../support/child-server';
import { eachDatabase } from '../support/databases';
import { APP_KEY } from '../support/server';
import { Api } from './api';
import { type Topic, topicSteps } from './topic-steps';

const STARTS = 20;

eachDatabase(
  'Many who start a topic at once, through two processes',
  (database) => {
    let api: Api;
    let other: ChildServer;
    const { messagesOf } = topicSteps(() => api);

    before(async function () {
      this.timeout(60_000);
      const url = await database.freshUrl();
      api = await Api.start({ IM_DATABASE_URL: url });
      await api.server.users('D1', 'P1');
      other = await ChildServer.start({ IM_DATABASE_URL: url });
    });
    after(async () => {
      await other.end();
      await api.stop();
    });

    const start = async (server: string, topic: string, body: object) => {
      const response = await fetch(`${server}/api/v2/sessions/${topic}/topics`, {
        method: 'POST',
        headers: { 'X-IM-App-Key': APP_KEY, 'Content-Type': 'application/json' },
        body: JSON.stringify({ name: '咨询', ...body }),
      });
      return { status: response.status, body: (await response.json()) as Topic };
    };
    /** Twenty starts, every other one through each process. @returns the topic that was started */
    const race = async (body: (index: number) => { topic: string; request: object }) => {
      const answers = await Promise.all(
        Array.from({ length: STARTS }, (_, index) => {
          const { topic, request } = body(index);
          return start(index % 2 === 0 ? api.server.url : other.url, topic, request);
        }),
      );
      const statuses = answers.map(({ status }) => status);
      statuses.sort().should.eql([201, ...Array<number>(STARTS - 1).fill(409)]);
      return answers.find(({ status }) => status === 201)!.body;
    };

    it('in one session: one active topic, one start message', async () => {
      const session = await api.session(1, 'D1', 'P1');
      const messages = [{ sender_id: 'P1', type: 1, content: 'x' }];
      const topic = await race(() => ({ topic: api.fresh('t'), request: { session_id: session, messages } }));
      const { body } = await api.get('backend', `/sessions/topics?session_id=${session}`);
      should((body.items as Topic[]).map(({ id }) => id)).eql([topic.id]);
      (await messagesOf(session)).map(({ type }) => type).should.eql([6, 1]);
    }).timeout(60_000);

    it('in one session that does not exist yet: one session, one topic', async () => {
      const made = { session_name: 'x', session_type: 1, participants: [{ id: 'D1' }, { id: 'P1' }] };
      const session = api.fresh('made');
      const topic = await race(() => ({ topic: api.fresh('t'), request: { session_id: session, ...made } }));
      topic.session_id.should.equal(session);
      (await messagesOf(session)).map(({ type }) => type).should.eql([6]);
      (await api.get('D1', `/sessions/${session}/participants`)).body.items.length.should.equal(2);
    }).timeout(60_000);

    it('under one id in many sessions: one topic', async () => {
      const sessions: string[] = [];
      for (let index = 0; index < STARTS; index += 1) sessions.push(await api.session(1, 'D1', 'P1'));
      const id = api.fresh('t');
      const topic = await race((index) => ({ topic: id, request: { session_id: sessions[index] } }));
      for (const session of sessions) {
        (await messagesOf(session)).length.should.equal(session === topic.session_id ? 1 : 0);
      }
    }).timeout(60_000);

    it('of one pair: one p2p session', async () => {
      const [first, second] = [api.fresh('D'), api.fresh('D')];
      await api.server.users(first, second);
      const made = { session_name: 'x', session_type: 2, participants: [{ id: first }, { id: second }] };
      await race(() => ({ topic: api.fresh('t'), request: { session_id: api.fresh('made'), ...made } }));
      (await api.get(first, '/sessions')).body.items.length.should.equal(1);
    }).timeout(60_000);
  },
  { sqlite: 'file' },
);
