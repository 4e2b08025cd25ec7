import should from 'should';
import { eachDatabase } from '../support/databases';
import { linesPrintedBy } from '../support/log-lines';
import { waitUntil } from '../support/wait-until';
import { brief, withPush } from './push-fixture';

const SECRET = '绝密血压';

eachDatabase('What a push shows', (database) => {
  const stage = withPush(database, { IM_LOG_LEVEL: 'debug' });

  it('hidden: nothing of the message, its topic or its receiver, in no request and no log line', async () => {
    const { getui, server } = stage;
    await server.session('h', 3, 'D', 'P');
    await stage.phone('D', 'cid-secret');
    const contents: [type: number, content: unknown][] = [
      [1, SECRET],
      [2, { url: `https://x.example/${encodeURIComponent(SECRET)}` }],
      [4, { title: SECRET, url: 'https://x.example/1' }],
      [12, { url: 'https://x.example/1', duration: 3 }],
      [0, { title: SECRET, text: SECRET }],
    ];
    const lines = await linesPrintedBy(async () => {
      for (const [type, content] of contents) {
        await server
          .request('post', '/sessions/h/messages')
          .send({ ...(type === 0 ? {} : { sender_id: 'P' }), type, content })
          .expect(201);
      }
      const topic = { session_id: 'h', user_id: 'P', name: SECRET, description: SECRET };
      await server.request('post', '/sessions/topic-h/topics').send(topic).expect(201);
      await stage.noticesWhen(
        'h',
        (rows) => rows.length > 5 && rows.every(({ state }) => state !== 'pending'),
      );
    });
    getui.delivered.length.should.be.above(0);
    for (const { text } of getui.requests) {
      for (const secret of [SECRET, encodeURIComponent(SECRET), 'x.example', 'topic-h'])
        text.should.not.containEql(secret);
    }
    const bodies = getui.calls('push').map(({ body }) => body.push_channel.ios.aps.alert.body as string);
    for (const body of bodies) body.should.match(/^(P的名字|系统): \[新消息\]$/);
    for (const secret of [SECRET, 'cid-secret', getui.masterSecret, getui.calls('push')[0]!.token!])
      lines.join('\n').should.not.containEql(secret);
  });

  it('a call: who rings, and nothing more once it is over', async () => {
    const { getui, server, wechat } = stage;
    await server.session('c', 3, 'D', 'D2', 'P', 'P2');
    await stage.phone('D2', 'cid-d2');
    await stage.phone('P', 'cid-p', 'android');
    const caller = await server.socket('D', 'c');
    // One is refused again and again, the other one is taken.
    getui.answerNext('push', { code: 2 }, { when: Promise.resolve() });
    getui.answerAlways('push', { code: 2 });
    const { data } = await caller.request('call_invite', { media: 'video' });
    await stage.noticesWhen('c', (rows) => rows.length === 3 && rows.every((row) => row.attempts > 0));
    await wechat.waitForDelivered(1);
    const [push] = getui.delivered;
    const told = JSON.parse(push!.body.push_message.transmission as string) as Record<string, unknown>;
    should(Object.keys(told)).eql(['session_id', 'call_id', 'badge']);
    should(told).containEql({ session_id: 'c', call_id: data.call_id as string });
    should(told.badge).be.a.Number();
    should(push!.body.settings.ttl).equal(45_000);
    caller.send('call_cancel', { call_id: data.call_id });
    const rows = await stage.noticesWhen('c', (all) => all.every(({ state }) => state !== 'pending'));
    const states = brief(rows);
    // Whichever push was refused waited, and is not made any more; the record at the end made no notice.
    should(
      states.filter((line) => line.startsWith('getui')).map((line) => line.split(' ').at(-1)),
    ).containEql('skipped');
    should(states.length).equal(3);
    wechat.delivered.length.should.equal(1);
  });

  it('a call rings until a phone that was pushed to has said no, too', async () => {
    const { getui, server } = stage;
    await server.session('c2', 3, 'D', 'D2');
    const token = await stage.phone('D2', 'cid-d2');
    const caller = await server.socket('D', 'c2');
    const { data } = await caller.request('call_invite', { media: 'audio' });
    await getui.waitForPushes(1);
    const callee = await server.socketOf(token, 'D2', 'c2');
    await callee.next('call_invite');
    callee.send('call_reject', { call_id: data.call_id });
    const ended = await caller.next('call_ended');
    should(ended.data).containEql({ result: 'rejected' });
  });
});

eachDatabase('What a push shows in full', (database) => {
  const stage = withPush(database, {
    IM_PUSH_TEXT: 'full',
    IM_WECHAT_TEMPLATES: JSON.stringify({
      system: { template_id: 'fake-template', data: { thing9: '公告 {text}' } },
    }),
  });

  it('the text, in one line of 100 characters', async () => {
    const { getui, server } = stage;
    await server.session('f', 3, 'D', 'P', 'P2');
    await server.context.database.kysely
      .updateTable('sessions')
      .set({ name: '会'.repeat(80) })
      .execute();
    await stage.phone('P', 'cid-p');
    const texts: [type: number, content: unknown, body: string][] = [
      [1, `一\n二${'三'.repeat(200)}`, `D的名字: 一 二${'三'.repeat(91)}`],
      [2, { url: 'https://x.example/1.png' }, 'D的名字: [图片]'],
      [0, { title: '停诊通知', content: 'x' }, '系统: 停诊通知'],
      [0, '文字', '系统: [消息]'],
    ];
    for (const [index, [type, content, body]] of texts.entries()) {
      await server
        .request('post', '/sessions/f/messages')
        .send({ ...(type === 0 ? {} : { sender_id: 'D' }), type, content })
        .expect(201);
      await waitUntil(
        () => getui.delivered.length > index,
        20_000,
        () => `no push of ${body}`,
      );
      const { alert } = getui.delivered[index]!.body.push_channel.ios.aps as { alert: object };
      should(alert).eql({ title: '会'.repeat(50), body });
    }
    // The patient without a phone gets the template of that kind.
    await stage.wechat.waitForDelivered(4);
    const templates = stage.wechat.delivered.map(
      ({ body }) => body.data as Record<string, { value: string }>,
    );
    should(
      templates
        .filter(({ thing9 }) => thing9 !== undefined)
        .map(({ thing9 }) => thing9!.value)
        .sort(),
    ).eql(['公告 [消息]', '公告 停诊通知']);
  });
});
