import should from 'should';
import supertest from 'supertest';
import { eachDatabase } from '../support/databases';
import { APP_KEY } from '../support/server';
import { Api, BASE, checkAnswer } from './api';

/** Sending has a short way past the router, which must not be told from the long one; a query leads the long way. */
eachDatabase('The two doors for sending', (database) => {
  let api: Api;
  let session: string;
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'P1');
    session = await api.session(1, 'D1', 'P1');
  });
  after(() => api.stop());

  const good = { type: 1, content: '您好' };
  const json = { 'Content-Type': 'application/json' };
  const key = { 'X-IM-App-Key': APP_KEY };
  const CASES: {
    title: string;
    to?: string;
    by?: string;
    headers?: Record<string, string>;
    body: unknown;
    status: number;
  }[] = [
    { title: 'a user sends', by: 'D1', body: good, status: 201 },
    { title: 'the backend sends', headers: key, body: { ...good, sender_id: 'P1' }, status: 201 },
    { title: 'no credentials', body: good, status: 401 },
    { title: 'a wrong key', headers: { 'X-IM-App-Key': 'x' }, body: good, status: 401 },
    { title: 'a wrong token', headers: { Authorization: 'Bearer x' }, body: good, status: 401 },
    { title: 'an outsider', by: 'D2', body: good, status: 404 },
    { title: 'an unknown session', to: 'unknown', headers: key, body: good, status: 404 },
    { title: 'a reserved session', to: 'recent', headers: key, body: good, status: 404 },
    { title: 'no id', to: 'a%20b', headers: key, body: good, status: 404 },
    { title: 'a broken path', to: '%ff', headers: key, body: good, status: 404 },
    { title: "another's name", by: 'D1', body: { ...good, sender_id: 'P1' }, status: 403 },
    { title: 'faults', by: 'D1', body: { type: 2, content: {}, client_msg_id: '' }, status: 400 },
    { title: 'no JSON', by: 'D1', headers: json, body: '{', status: 400 },
    { title: 'NUL', by: 'D1', headers: json, body: '{"type":1,"content":"\\u0000"}', status: 400 },
    { title: 'another type', by: 'D1', headers: { 'Content-Type': 'text/plain' }, body: 'x', status: 415 },
    { title: 'too large', by: 'D1', headers: json, body: ' '.repeat(300_000), status: 413 },
    { title: 'a request id', by: 'D1', headers: { 'X-Request-Id': 'r-1' }, body: good, status: 201 },
    { title: 'an origin', by: 'D1', headers: { Origin: 'https://h5.example.com' }, body: good, status: 201 },
  ];
  for (const { title, to, by, headers = {}, body, status } of CASES) {
    it(`${title} → ${status}, by both`, async () => {
      const credentials: Record<string, string> =
        by === undefined ? {} : { Authorization: `Bearer ${await api.token(by)}` };
      const answers = [];
      for (const query of ['', '?door=router']) {
        const path = `/sessions/${to ?? session}/messages`;
        const request = supertest(api.server.url)
          .post(BASE + path + query)
          .set({ ...credentials, ...headers });
        if (typeof body === 'string') request.serialize((each) => String(each));
        const response = await request.send(body as object);
        checkAnswer('POST', path, response);
        const {
          id: _id,
          timestamp: _time,
          request_id: _request,
          ...shown
        } = response.body as Record<string, unknown>;
        const { date: _date, 'x-request-id': requestId, ...head } = response.headers;
        delete head['content-length'];
        answers.push({ status: response.status, shown, head, requestId: requestId === 'r-1' });
      }
      answers[0]!.status.should.equal(status);
      should(answers[0]).eql(answers[1]);
    });
  }

  it('a repeat through the other door is a repeat', async () => {
    const path = `/sessions/${session}/messages`;
    const first = await api.post('D1', path, { ...good, client_msg_id: 'c1' });
    const again = await api.post('D1', `${path}?door=router`, { ...good, client_msg_id: 'c1' });
    should([first.status, again.status, again.body]).eql([201, 200, first.body]);
  });
});
