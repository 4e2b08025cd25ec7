import should from 'should';
import { toSqlTime } from '../../src/db/time';
import { eachDatabase } from '../support/databases';
import { waitUntil } from '../support/wait-until';
import { ACK_MS, brief, withPush } from './push-fixture';

eachDatabase('A push', (database) => {
  const stage = withPush(database);

  it('goes to every phone of everybody else, and to WeChat where there is no phone', async () => {
    const { getui, server, wechat } = stage;
    await server.session('s1', 3, 'D', 'D2', 'P', 'P2');
    await stage.phone('D', 'cid-own');
    await stage.phone('D2', 'cid-d2');
    await stage.phone('P', 'cid-p1');
    await stage.phone('P', 'cid-p2', 'android');
    const sent = await server.send('s1', 'D', '血压偏高');
    const rows = await stage.noticesWhen('s1', (all) => all.every(({ state }) => state === 'sent'));
    should(brief(rows)).eql([
      'getui D2 cid-d2 sent',
      'getui P cid-p1 sent',
      'getui P cid-p2 sent',
      'wechat P2 sent',
    ]);
    should(getui.delivered.map(({ body }) => body.audience.cid[0] as string).sort()).eql([
      'cid-d2',
      'cid-p1',
      'cid-p2',
    ]);
    wechat.delivered.length.should.equal(1);
    const push = getui.delivered.find(({ body }) => body.audience.cid[0] === 'cid-d2')!;
    should(JSON.parse(push.body.push_message.transmission as string)).eql({
      session_id: 's1',
      message_id: sent.id,
      badge: 1,
    });
    should(push.body.push_channel.ios).containEql({ auto_badge: '1' });
    should(push.body.push_channel.ios.aps.alert).eql({ title: '会话s1', body: 'D的名字: [新消息]' });
    // Nothing of the message is in any request.
    for (const { text } of getui.requests) text.should.not.containEql('血压');
    for (const row of rows) should(row.attempts).equal(1);
  });

  it('waits for a socket that gets the message, and is not made when that one acknowledges', async () => {
    const { getui, server } = stage;
    await server.session('s2', 3, 'D', 'P');
    await stage.phone('D', 'cid-d');
    const doctor = await server.socket('D');
    const first = await server.send('s2', 'P', 'one');
    await doctor.next('message');
    doctor.send('ack', { session_id: 's2', message_id: first.id });
    await stage.noticesWhen('s2', (all) => all[0]!.state === 'delivered');
    await server.send('s2', 'P', 'two');
    await doctor.next('message');
    const [, late] = await stage.noticesWhen('s2', (all) => all[1]?.state === 'sent');
    (getui.delivered[0]!.at - Date.parse(`${late!.create_time.replace(' ', 'T')}Z`)).should.be.aboveOrEqual(
      ACK_MS - 20,
    );
    getui.delivered.length.should.equal(1);
  });

  it('is one for the newest message of a session, and brings the true count', async () => {
    const { getui, server } = stage;
    await server.session('s3', 3, 'D', 'P');
    await stage.phone('D', 'cid-d');
    let release: () => void = () => undefined;
    getui.answerNext('push', { when: new Promise<void>((resolve) => (release = resolve)) });
    await server.send('s3', 'P', 'one');
    await getui.waitForPushes(1);
    getui.answerAlways('push', { code: 2 });
    for (const text of ['two', 'three', 'four']) await server.send('s3', 'P', text);
    release();
    await stage.noticesWhen('s3', (all) => all.filter(({ state }) => state === 'pending').length === 1);
    getui.answerAlways('push', undefined);
    const last = (await stage.notices('s3')).at(-1)!;
    await stage.passTime(last.id);
    const rows = await stage.noticesWhen('s3', (all) => all.every(({ state }) => state !== 'pending'));
    should(rows.at(-1)!.state).equal('sent');
    const { body: unread } = await server.request('get', '/application/badge_no?user_id=D').expect(200);
    should(getui.delivered.at(-1)!.body.push_channel.ios.auto_badge).equal(String(unread.badge_no));
    for (const row of rows.slice(1, -1))
      should(row).containEql({ state: 'skipped', last_error: 'a newer one is sent' });
  });

  it('is sent once also where Getui names a task that is too long to keep', async () => {
    const { getui, server } = stage;
    await server.session('s3a', 3, 'D', 'P');
    await stage.phone('D', 'cid-d');
    const data = { ['t'.repeat(400)]: { 'cid-d': 'successed_online' } };
    getui.answerNext('push', { status: 200, body: JSON.stringify({ code: 0, msg: 'success', data }) });
    await server.send('s3a', 'P', 'one');
    const [row] = await stage.noticesWhen('s3a', (all) => all.every(({ state }) => state === 'sent'));
    should(row).containEql({ attempts: 1, task_id: null });
  });

  it('is made for the message before, when the newest one is taken back before its push was taken', async () => {
    const { getui, server } = stage;
    await server.session('s3b', 3, 'D', 'P');
    await stage.phone('P', 'cid-p');
    await stage.phone('D', 'cid-d');
    getui.answerAlways('push', { code: 10003 });
    const sent: number[] = [];
    for (const text of ['one', 'two', 'three']) {
      const { id } = await server.send('s3b', 'D', text);
      sent.push(id);
      await stage.noticesWhen('s3b', (all) =>
        all.some(({ attempts, message_id }) => message_id === id && attempts > 0),
      );
    }
    const takeBack = (id: number) => server.request('delete', `/sessions/s3b/messages/${id}`).expect(200);
    // The second one is not told of any more, whatever waits.
    await takeBack(sent[1]!);
    await takeBack(sent[2]!);
    getui.answerAlways('push', undefined);
    const rows = await stage.noticesWhen('s3b', (all) => all.every(({ state }) => state !== 'pending'));
    should(rows.map(({ channel, message_id, state }) => [channel, message_id, state])).eql([
      ['getui', sent[0], 'sent'],
      ['getui', sent[1], 'skipped'],
      ['getui', sent[2], 'skipped'],
    ]);

    // What was read meanwhile is told of no more.
    getui.answerAlways('push', { code: 10003 });
    const [read, last] = [await server.send('s3b', 'D', 'four'), await server.send('s3b', 'D', 'five')];
    await stage.noticesWhen('s3b', (all) => all.at(-1)!.attempts > 0 && all.at(-2)!.state === 'skipped');
    await server.context.database.kysely
      .updateTable('participants')
      .set({ last_fetch_time: toSqlTime(Date.parse(read.timestamp)) })
      .where('session_id', '=', 's3b')
      .where('participant_id', '=', 'P')
      .execute();
    await takeBack(last.id);
    getui.answerAlways('push', undefined);
    should((await stage.notices('s3b')).slice(-2).map(({ state }) => state)).eql(['skipped', 'skipped']);
  });

  it('retries under the same name, and is given up 24 h after it was made', async () => {
    const { getui, server } = stage;
    await server.session('s4', 3, 'D', 'P');
    await stage.phone('D', 'cid-d');
    // The second try does not end before the first one was looked at.
    let release: () => void = () => undefined;
    getui.answerNext('push', 'lose-answer', { when: new Promise<void>((resolve) => (release = resolve)) });
    await server.send('s4', 'P', 'one');
    const [failed] = await stage.noticesWhen('s4', (all) => all[0]?.attempts === 1);
    should(failed).containEql({ state: 'pending' });
    release();
    await stage.noticesWhen('s4', (all) => all[0]!.state === 'sent');
    const names = getui.calls('push').map(({ body }) => body.request_id as string);
    names.length.should.equal(2);
    names[0]!.should.match(/^[0-9a-f]{32}$/);
    names[0]!.should.equal(names[1]);
    getui.delivered.length.should.equal(1);

    getui.answerAlways('push', { code: 10003 });
    await server.send('s4', 'P', 'two');
    const [, second] = await stage.noticesWhen('s4', (all) => (all[1]?.attempts ?? 0) > 0);
    const day = new Date(Date.now() - 25 * 3_600_000).toISOString().slice(0, 23).replace('T', ' ');
    const { kysely } = server.context.database;
    await kysely.updateTable('notices').set({ create_time: day }).where('id', '=', second!.id).execute();
    await stage.passTime(second!.id);
    const [, over] = await stage.noticesWhen('s4', (all) => all[1]!.state === 'failed');
    should(over!.last_error).match(/^10003/);
  });

  it('is skipped where owner, membership or phone no longer hold', async () => {
    const { getui, server } = stage;
    getui.answerAlways('push', { code: 2 });
    const cases: [session: string, change: () => Promise<unknown>][] = [
      ['left', () => server.request('delete', '/sessions/left/participants/D').expect(204)],
      ['gone', () => server.request('delete', '/users/D/devices/cid-gone').expect(204)],
      ['taken', () => stage.phone('D2', 'cid-taken')],
      [
        'retired',
        () => server.context.database.kysely.updateTable('devices').set({ state: 'retired' }).execute(),
      ],
    ];
    for (const [session, change] of cases) {
      await server.session(session, 3, 'D', 'P');
      await stage.phone('D', `cid-${session}`);
      await server.send(session, 'P', 'x');
      const all = await stage.noticesWhen(session, (rows) => rows.every(({ attempts }) => attempts > 0));
      const notice = all.find(({ client_id }) => client_id === `cid-${session}`)!;
      await change();
      const before = getui.calls('push').length;
      await stage.passTime(notice.id);
      await stage.noticesWhen(
        session,
        (rows) => rows.find(({ id }) => id === notice.id)!.state === 'skipped',
      );
      getui.calls('push').length.should.equal(before);
      await server.context.database.kysely.deleteFrom('devices').execute();
    }
  });

  it('retires a phone that Getui does not know, until it is named again', async () => {
    const { getui, server } = stage;
    await server.session('s5', 3, 'D', 'P');
    await stage.phone('D', 'cid-d');
    getui.forget('cid-d');
    await server.send('s5', 'P', 'one');
    const [failed] = await stage.noticesWhen('s5', (all) => all[0]?.state === 'failed');
    should(failed!.last_error).equal('20001 target user is invalid');
    const devices = await server.request('get', '/users/D/devices').expect(200);
    should(devices.body.items[0]).containEql({ client_id: 'cid-d', state: 'retired' });
    await server.send('s5', 'P', 'two');
    should(await stage.notices('s5')).have.length(1);
    getui.reset();
    await stage.phone('D', 'cid-d');
    await server.send('s5', 'P', 'three');
    await stage.noticesWhen('s5', (all) => all[1]?.state === 'sent');
  });

  it('that no phone of a patient takes in time is given up, and WeChat speaks once', async () => {
    const { getui, server, wechat } = stage;
    await server.session('s6', 3, 'D', 'P');
    await stage.phone('P', 'cid-1');
    await stage.phone('P', 'cid-2');
    getui.answerAlways('push', { code: 2 });
    await server.send('s6', 'D', 'older');
    await server.send('s6', 'D', 'newer');
    await stage.noticesWhen(
      's6',
      (all) => all.filter((row) => row.state === 'pending' && row.attempts > 0).length === 2,
    );
    wechat.sends.length.should.equal(0);
    for (const { id, state } of await stage.notices('s6'))
      if (state === 'pending') await stage.passTime(id, true);
    const rows = await stage.noticesWhen('s6', (all) =>
      all.some(({ channel, state }) => channel === 'wechat' && state === 'sent'),
    );
    should(brief(rows)).eql([
      'getui P cid-1 failed',
      'getui P cid-1 skipped',
      'getui P cid-2 failed',
      'getui P cid-2 skipped',
      'wechat P sent',
    ]);
    wechat.delivered.length.should.equal(1);
    wechat.delivered[0]!.body.data.thing2.value.should.equal('newer');
  });

  it('that one phone of two takes needs no WeChat', async () => {
    const { getui, server, wechat } = stage;
    await server.session('s7', 3, 'D', 'P');
    await stage.phone('P', 'cid-1');
    await stage.phone('P', 'cid-2');
    getui.forget('cid-2');
    await server.send('s7', 'D', 'x');
    const rows = await stage.noticesWhen('s7', (all) => all.every(({ state }) => state !== 'pending'));
    should(brief(rows)).eql(['getui P cid-1 sent', 'getui P cid-2 failed']);
    wechat.sends.length.should.equal(0);
  });

  it('to the only phone, which Getui does not know: WeChat speaks at once', async () => {
    const { getui, server, wechat } = stage;
    await server.session('s8', 3, 'D', 'P');
    await stage.phone('P', 'cid-1');
    getui.forget('cid-1');
    await server.send('s8', 'D', 'x');
    await wechat.waitForDelivered(1);
    const rows = await stage.noticesWhen('s8', (all) => all.every(({ state }) => state !== 'pending'));
    should(brief(rows)).eql(['getui P cid-1 failed', 'wechat P sent']);
  });

  it('of an app in the background does not wait for its socket', async () => {
    const { getui, server } = stage;
    await server.session('s9', 3, 'D', 'P');
    const token = await stage.phone('P', 'cid-1');
    await server.request('put', '/users/P/status', token).send({ in_background: true }).expect(200);
    const socket = await server.socketOf(token, 'P', 's9');
    const sent = await server.send('s9', 'D', 'x');
    await socket.next('message');
    const [row] = await stage.noticesWhen('s9', (all) => all[0]?.state === 'sent');
    should(row!.due_time).be.a.String();
    (getui.delivered[0]!.at - Date.parse(sent.timestamp)).should.be.below(10_000);
    getui.reset();
    // It comes to the front: now its socket counts.
    await server.request('put', '/users/P/status', token).send({ in_background: false }).expect(200);
    const next = await server.send('s9', 'D', 'y');
    socket.send('ack', { message_id: next.id });
    await stage.noticesWhen('s9', (all) => all[1]?.state === 'delivered');
    getui.delivered.length.should.equal(0);
  });

  it('is taken back with its message', async () => {
    const { getui, server } = stage;
    await server.session('s10', 3, 'D', 'P');
    await stage.phone('P', 'cid-1', 'android');
    const sent = await server.send('s10', 'D', 'x');
    const [row] = await stage.noticesWhen('s10', (all) => all[0]?.state === 'sent');
    await server.request('delete', `/sessions/s10/messages/${sent.id}`).expect(200);
    await getui.waitForPushes(2);
    const [push, revoke] = getui.calls('push');
    should(revoke!.body.push_message).eql({ revoke: { old_task_id: row!.task_id } });
    should(revoke!.body.push_channel).eql({ android: { ups: { revoke: { old_task_id: row!.task_id } } } });
    should(revoke!.body.audience).eql({ cid: ['cid-1'] });
    should(revoke!.body.request_id).not.equal(push!.body.request_id);
    should(row!.task_id).equal(`RASS_${String(push!.body.request_id)}`);
  });

  it('that is under way while its message is deleted is taken back when it has arrived', async () => {
    const { getui, server } = stage;
    await server.session('s13', 3, 'D', 'P');
    await stage.phone('P', 'cid-1', 'android');
    let release: () => void = () => undefined;
    getui.answerNext('push', { when: new Promise<void>((resolve) => (release = resolve)) });
    const sent = await server.send('s13', 'D', 'x');
    await getui.waitForPushes(1);
    await server.context.database.kysely.deleteFrom('group_messages').where('id', '=', sent.id).execute();
    release();
    await getui.waitForPushes(2);
    should(getui.calls('push')[1]!.body.push_message).have.key('revoke');
    should((await stage.notices('s13'))[0]!.state).equal('sent');
  });

  it('that failed is another one for Getui when it is sent anew', async () => {
    const { getui, server } = stage;
    await server.session('s14', 3, 'D', 'D2');
    await stage.phone('D2', 'cid-1');
    getui.answerNext('push', { code: 301 });
    await server.send('s14', 'D', 'x');
    const [failed] = await stage.noticesWhen('s14', (all) => all[0]?.state === 'failed');
    await server.request('post', `/application/notices/${failed!.id}/resend`).expect(202);
    await stage.noticesWhen('s14', (all) => all[0]!.state === 'sent');
    const [first, second] = getui.calls('push').map(({ body }) => body.request_id as string);
    should(first).not.equal(second);
  });

  it('sets the badge after reading, at most once in two seconds, with the last count', async () => {
    const { getui, server } = stage;
    await server.session('s11', 3, 'D', 'P2');
    await server.session('s12', 3, 'D', 'P2');
    await stage.phone('P2', 'cid-ios');
    await stage.phone('P2', 'cid-android', 'android');
    getui.answerAlways('push', { code: 0 });
    for (const session of ['s11', 's11', 's12']) await server.send(session, 'D', 'x');
    const unread = async () =>
      Number((await server.request('get', '/application/badge_no?user_id=P2').expect(200)).body.badge_no);
    const before = await unread();
    await server.request('get', '/sessions/s11/messages?user_id=P2').expect(200);
    await getui.waitFor('badge', 1);
    getui.badges.get('cid-ios')!.should.equal(String(before - 2));
    await server.request('get', '/sessions/s12/messages?user_id=P2').expect(200);
    await waitUntil(
      () => getui.badges.get('cid-ios') === String(before - 3),
      20_000,
      () => 'the last count was not set',
    );
    should([...getui.badges.keys()]).eql(['cid-ios']);
    const [first, second] = getui.calls('badge').map(({ at }) => at);
    // The first may have been on its way for a while.
    (second! - first!).should.be.aboveOrEqual(1_000);
    getui.calls('badge').length.should.equal(2);
  });
});
