import should from 'should';
import { setTimeout as sleep } from 'node:timers/promises';
import { Api } from './api';

const RATE = 2;

describe('The rate of sending', () => {
  let api: Api;
  let session: string;
  before(async () => {
    api = await Api.start({ IM_SEND_RATE: String(RATE) });
    await api.server.users('D1', 'D2', 'P1');
    session = await api.session(3, 'D1', 'D2', 'P1');
  });
  after(() => api.stop());

  const send = (by: string, body: object = {}) =>
    api.post(by, `/sessions/${session}/messages`, { type: 1, content: 'x', ...body });
  const statuses = async (count: number, by: string, body: object = {}) => {
    const answers = await Promise.all(Array.from({ length: count }, () => send(by, body)));
    return answers.map(({ status }) => status).sort();
  };

  it('a burst of twice the rate, then 429 with the seconds to wait, after which it works again', async () => {
    (await statuses(8, 'D1')).slice(0, 2 * RATE).should.eql(Array(2 * RATE).fill(201));
    // On a busy machine something has been filled in again meanwhile.
    let refused = await send('D1');
    for (let again = 0; refused.status === 201 && again < 20; again += 1) refused = await send('D1');
    should([refused.status, refused.body.code]).eql([429, 'rate_limited']);
    should(refused.headers['retry-after']).match(/^[1-9]\d*$/);
    await sleep(Number(refused.headers['retry-after']) * 1000);
    (await send('D1')).status.should.equal(201);
  });

  it('is of each user alone, and the backend has none', async () => {
    (await statuses(2 * RATE, 'D2')).should.eql(Array(2 * RATE).fill(201));
    (await statuses(40, 'backend', { sender_id: 'D2' })).should.eql(Array(40).fill(201));
    (await send('P1')).status.should.equal(201);
  });

  it('what is refused for its fields takes nothing off it', async () => {
    await sleep(1000);
    (await statuses(20, 'P1', { content: '' })).should.eql(Array(20).fill(400));
    (await send('P1')).status.should.equal(201);
  });

  it("counts a topic's messages; more than a burst need a full allowance, and what is missing is owed", async () => {
    await api.server.users('P2');
    const room = await api.session(1, 'D1', 'P2');
    const messages = (count: number) => Array.from({ length: count }, () => ({ type: 1, content: 'x' }));
    const start = (body: object) =>
      api.post('P2', `/sessions/${api.fresh('t')}/topics`, { session_id: room, name: 'x', ...body });
    (await start({ messages: messages(2 * RATE + 60) })).status.should.equal(201);
    const refused = await api.post('P2', `/sessions/${room}/messages`, { type: 1, content: 'x' });
    should([refused.status, refused.body.code]).eql([429, 'rate_limited']);
    // 60 are owed, and 1 is needed, at 2 a second.
    Number(refused.headers['retry-after']).should.be.within(20, 31);
    (await start({ messages: messages(1) })).status.should.equal(429);
    (await start({})).status.should.equal(409);
  });

  it('reading has none', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => api.get('D1', `/sessions/${session}/messages?peek=1`)),
    );
    answers.map(({ status }) => status).should.eql(Array(40).fill(200));
  });
});
