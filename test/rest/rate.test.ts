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
    const refused = await send('D1');
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

  it('reading has none', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => api.get('D1', `/sessions/${session}/messages?peek=1`)),
    );
    answers.map(({ status }) => status).should.eql(Array(40).fill(200));
  });
});
