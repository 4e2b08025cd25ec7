import should from 'should';
import { NO_EVENTS } from '../../src/model/written-events';
import { MemberCache } from '../../src/commands/sending/member-cache';
import { type Send, type Sent } from '../../src/commands/sending/send';
import { Writer } from '../../src/commands/sending/writer';
import { AppError } from '../../src/errors';
import { type MessageInput } from '../../src/model/values/message-content';
import { eachDatabase } from '../support/databases';
import { linesPrintedBy } from '../support/log-lines';
import { TestServer } from '../support/server';

const text = (content: string): MessageInput => ({ type: 1, content });

eachDatabase('Sends that share a transaction', (database) => {
  let server: TestServer;

  before(async () => {
    server = await TestServer.start({ IM_DATABASE_URL: await database.freshUrl() });
    await server.users('D1', 'D2', 'P1');
    await server.session('s', 3, 'D1', 'P1');
    await server.session('other', 1, 'D2', 'P1');
    await server.session('system', 0, 'D1', 'P1');
  });

  after(async () => {
    await server.stop();
  });

  /** All in one turn of the event loop, so that each writer takes what it gets in one transaction. */
  function sendTogether(sends: readonly Partial<Send>[]): Promise<PromiseSettledResult<Sent>[]> {
    return Promise.allSettled(
      sends.map((send) =>
        server.context.writer.submit({
          sessionId: 's',
          senderId: 'D1',
          byBackend: true,
          message: text('fine'),
          clientMsgId: null,
          ...send,
        }),
      ),
    );
  }

  async function idsIn(session: string, table: 'group_messages' | 'muc_messages' | 'system_messages') {
    const rows = await server.context.database.kysely
      .selectFrom(table)
      .select('id')
      .where('session_id', '=', session)
      .orderBy('id')
      .execute();
    return rows.map(({ id }) => id);
  }

  const REFUSALS: { title: string; send: Partial<Send>; code: string; path?: string }[] = [
    { title: 'an unknown session', send: { sessionId: 'nowhere' }, code: 'not_found' },
    { title: 'a user who is no participant', send: { senderId: 'D2', byBackend: false }, code: 'not_found' },
    {
      title: "a sender of the platform's who is no participant",
      send: { senderId: 'D2' },
      code: 'validation_failed',
      path: 'sender_id',
    },
    { title: 'no sender at all', send: { senderId: null }, code: 'validation_failed', path: 'sender_id' },
    {
      title: 'a system message of a user',
      send: { byBackend: false, message: { type: 0, content: 'x' } },
      code: 'forbidden',
    },
    {
      title: 'a user in a system session',
      send: { byBackend: false, sessionId: 'system' },
      code: 'forbidden',
    },
    {
      title: 'a forward of nothing',
      send: { message: { type: 8, content: { session_id: 's', message_id: 999_999 } } },
      code: 'validation_failed',
      path: 'content',
    },
    {
      title: 'a forward from a session that the sender is not in',
      send: { message: { type: 8, content: { session_id: 'other', message_id: 1 } } },
      code: 'validation_failed',
      path: 'content',
    },
  ];

  for (const { title, send, code, path } of REFUSALS) {
    it(`fail alone: ${title}`, async () => {
      await server.send('other', 'D2', 'to be forwarded');
      const before = await idsIn('s', 'group_messages');
      const outcomes = await sendTogether([{}, send, { senderId: 'P1', byBackend: false }, {}]);
      const refused = outcomes[1]!;
      should(refused.status).equal('rejected');
      const { reason } = refused as PromiseRejectedResult;
      should(reason).be.instanceOf(AppError);
      should((reason as AppError).code).equal(code);
      if (path !== undefined) should((reason as AppError).errors?.[0]?.path).equal(path);
      const stored = [0, 2, 3].map((index) => {
        const outcome = outcomes[index]!;
        should(outcome.status).equal('fulfilled');
        return (outcome as PromiseFulfilledResult<Sent>).value.row.id;
      });
      should(await idsIn('s', 'group_messages')).eql([...before, ...stored]);
    });
  }

  it('are stored each alone when one of them breaks the transaction', async () => {
    const before = await idsIn('s', 'group_messages');
    // No column takes such a type: a fault of ours that no check finds.
    const poison = { type: {}, content: 'x' } as unknown as MessageInput;
    let outcomes: PromiseSettledResult<Sent>[] = [];
    const lines = await linesPrintedBy(async () => {
      outcomes = await sendTogether([
        { clientMsgId: 'a' },
        { message: poison },
        { clientMsgId: 'b' },
        { clientMsgId: 'a' },
      ]);
    });
    should(outcomes.map(({ status }) => status)).eql(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    const [first, , second, repeat] = outcomes.map(
      (outcome) => (outcome as PromiseFulfilledResult<Sent>).value,
    );
    should(repeat).eql({ ...first, created: false });
    should(await idsIn('s', 'group_messages')).eql([...before, first!.row.id, second!.row.id]);
    lines.filter((line) => line.startsWith('[ERROR]')).length.should.equal(1);
  });

  it('are stored once and answered even when they can not be delivered', async () => {
    const { database: opened, names, noticePlan } = server.context;
    const writer = new Writer({
      fileLinks: 'as-stored',
      database: opened,
      members: new MemberCache(),
      names,
      noticePlan,
      wantedEvents: NO_EVENTS,
      announce: () => {
        throw new Error('a fault in the delivery');
      },
    });
    const before = await idsIn('s', 'group_messages');
    let sent: Sent[] = [];
    const lines = await linesPrintedBy(async () => {
      const send = { sessionId: 's', senderId: 'D1', byBackend: true, message: text('x'), clientMsgId: null };
      sent = await Promise.all([writer.submit(send), writer.submit(send), writer.submit(send)]);
    });
    should(await idsIn('s', 'group_messages')).eql([...before, ...sent.map(({ row }) => row.id)]);
    lines.filter((line) => line.startsWith('[ERROR]')).length.should.equal(1);
  });

  it('may be larger together than one packet of the database takes', async () => {
    const content = '大'.repeat(70_000);
    const count = 100;
    let outcomes: PromiseSettledResult<Sent>[] = [];
    const lines = await linesPrintedBy(async () => {
      outcomes = await sendTogether(
        Array.from({ length: count }, (_, index) => ({
          sessionId: 'system',
          senderId: null,
          message: { type: 0, content: `${index} ${content}` },
        })),
      );
    });
    should(outcomes.filter(({ status }) => status === 'fulfilled').length).equal(count);
    should(lines).eql([]);
    (await idsIn('system', 'system_messages')).length.should.equal(count);
  });

  it('may have more receivers together than a statement has parameters', async () => {
    const patients = Array.from({ length: 300 }, (_, index) => `P-many-${index}`);
    const { kysely } = server.context.database;
    await kysely
      .insertInto('patients')
      .values(patients.map((id) => ({ id, name: id })))
      .execute();
    await server.session('crowd', 3, 'D1', ...patients);
    let outcomes: PromiseSettledResult<Sent>[] = [];
    const lines = await linesPrintedBy(async () => {
      outcomes = await sendTogether(Array.from({ length: 60 }, () => ({ sessionId: 'crowd' })));
    });
    should(outcomes.filter(({ status }) => status === 'fulfilled').length).equal(60);
    should(lines).eql([]);
    const notices = await kysely
      .selectFrom('notices')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('session_id', '=', 'crowd')
      .executeTakeFirstOrThrow();
    notices.count.should.equal(60 * patients.length);
  });
});
