import should from 'should';
import { z } from 'zod';
import { parse } from '../../src/controllers/input';
import { type AppError } from '../../src/errors';
import { TestServer } from '../support/server';

const messageOf = (schema: z.ZodType, value: unknown): string => {
  try {
    parse(z.object({ field: schema }), { field: value });
  } catch (error) {
    const [fault] = (error as AppError).errors ?? [];
    return fault?.message ?? '';
  }
  return 'it is taken';
};

describe('What faults say', () => {
  const cases: [title: string, schema: z.ZodType, value: unknown, message: string][] = [
    ['a field that is not there', z.string(), undefined, 'required'],
    ['a choice that is not there', z.union([z.literal(0), z.literal(1)]), undefined, 'required'],
    ['another number', z.union([0, 1, 2, 9].map((each) => z.literal(each))), 3, 'one of 0, 1, 2, 9'],
    ['another word', z.enum(['doctor', 'patient']), 'nurse', 'one of "doctor", "patient"'],
    ['the wrong constant', z.literal('x'), 'y', 'must be "x"'],
    ['a number for a text', z.string(), 1, 'a string'],
    ['a text for a number', z.number(), '1', 'a number'],
    ['half a number', z.int(), 1.5, 'a whole number'],
    ['a text for a list', z.array(z.string()), 'x', 'a list'],
    ['too many', z.array(z.string()).max(1), ['a', 'b'], 'at most 1 items'],
    ['too short', z.string().min(2), 'a', 'at least 2 characters'],
    ['too large', z.number().max(5), 6, 'at most 5'],
    ['not large enough', z.number().positive(), 0, 'more than 0'],
    ['no URL', z.url(), 'x', 'a valid url'],
    ['neither kind', z.union([z.string(), z.object({})]), 1, 'a string or an object'],
    ['its own words', z.string('a name'), 1, 'a name'],
  ];
  for (const [title, schema, value, message] of cases) {
    it(`names what would be taken: ${title}`, () => messageOf(schema, value).should.equal(message));
  }

  describe('over HTTP', () => {
    let server: TestServer;
    before(async () => {
      server = await TestServer.start();
      await server.users('D1', 'D2');
      await server.session('s1', 3, 'D1', 'D2');
    });
    after(() => server.stop());

    it('nothing is “Invalid input”', async () => {
      const user = await server.request('put', '/users/D9').send({ type: 'doctor', name: 'D9', sex: 3 });
      should(user.body.errors).eql([{ path: 'sex', message: 'one of 0, 1, 2, 9' }]);
      const empty = await server.request('post', '/sessions').send({});
      should(empty.body.errors).containEql({ path: 'type', message: 'required' });
      const all = [user, empty, await server.request('post', '/sessions/s1/messages').send({ type: 99 })];
      for (const { body } of all) JSON.stringify(body).should.not.match(/invalid input/i);
    });

    it('other ways of paging are refused with a hint, and other unknown parameters ignored', async () => {
      for (const name of ['page', 'pagesize', 'offset']) {
        const { body } = await server.request('get', `/sessions?user_id=D1&${name}=2`).expect(400);
        body.code.should.equal('validation_failed');
        should(body.errors).match([{ path: name, message: /cursor/ }]);
        const messages = await server.request('get', `/sessions/s1/messages?${name}=2`).expect(400);
        should(messages.body.errors).match([{ path: name, message: /before and after/ }]);
        await server.request('get', `/sessions/s1/session?${name}=2`).expect(400);
      }
      await server.request('get', '/sessions?user_id=D1&whatever=2').expect(200);
      await server.request('get', '/sessions/s1/session?whatever=%ZZ').expect(200);
    });

    it('a session answers under its own path, too', async () => {
      const long = await server.request('get', '/sessions/s1/session').expect(200);
      const short = await server.request('get', '/sessions/s1').expect(200);
      should(short.body).eql(long.body);
      await server.request('get', '/sessions/topic').expect(404);
      await server.request('get', '/sessions/unknown').expect(404);
    });
  });
});
