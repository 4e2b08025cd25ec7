import should from 'should';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ChildServer } from '../support/child-server';
import { eachSqlServer, type TestDatabase } from '../support/databases';
import { connect, type SocketClient } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';
import { Cluster, idsOf, receives } from './cluster-fixture';

const SESSIONS = ['s0', 's1', 's2', 's3'];
const SENDERS = ['D1', 'D2', 'P1', 'P2'];

eachSqlServer('Several processes', suite, 'redis');

function suite(this: Mocha.Suite, database: TestDatabase): void {
  this.timeout(60_000);
  let cluster: Cluster;

  before(async () => {
    cluster = await Cluster.start(database, 3);
    await cluster.users(...SENDERS, 'D3', 'P3');
    for (const id of SESSIONS) await cluster.session(id, ...SENDERS, 'D3');
  });
  after(() => cluster.stop());

  /** `count` messages by all senders through random processes and doors. @returns their ids by session, in order */
  async function traffic(count: number, sockets: SocketClient[] = []): Promise<Map<string, number[]>> {
    const ids = new Map(SESSIONS.map((id) => [id, [] as number[]]));
    let left = count;
    const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)]!;
    const worker = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const session = pick(SESSIONS);
        const socket = Math.random() < 0.5 ? pick(sockets) : undefined;
        if (socket === undefined) {
          ids.get(session)!.push(await cluster.send(session, pick(SENDERS), `文本 ${left}`));
        } else {
          const answer = await socket.request(
            'message',
            { session_id: session, type: 1, content: `文本 ${left}` },
            15_000,
          );
          answer.type.should.equal('message_ok');
          ids.get(session)!.push(answer.data.message.id as number);
        }
      }
    };
    await Promise.all(Array.from({ length: 24 }, worker));
    for (const each of ids.values()) each.sort((a, b) => a - b);
    return ids;
  }

  it('bring 2,000 messages that came through all of them to every socket, each once, in order', async () => {
    const bound: [SocketClient, string][] = [];
    const unbound: SocketClient[] = [];
    const senders: SocketClient[] = [];
    for (const process of cluster.processes) {
      for (const session of SESSIONS) bound.push([await cluster.socket(process, 'P1', session), session]);
      unbound.push(await cluster.socket(process, 'D3'));
      senders.push(await cluster.socket(process, 'D1'), await cluster.socket(process, 'P2', 's0'));
    }
    const latecomers: [SocketClient, number][] = [];
    const comeLate = async (): Promise<void> => {
      for (let n = 0; n < 8; n += 1) {
        await sleep(100);
        const late = await connect(cluster.process(n % 3).url);
        const login = await late.login(await cluster.login('D2'), n % 2 === 0 ? 's1' : undefined, 'doctor');
        latecomers.push([
          late,
          n % 2 === 0
            ? (login.data.last_message_id as number)
            : (login.data.sessions.find((each: { session_id: string }) => each.session_id === 's1')
                .last_message_id as number),
        ]);
      }
    };
    const [sent] = await Promise.all([traffic(2_000, senders), comeLate()]);
    [...sent.values()].reduce((sum, ids) => sum + ids.length, 0).should.equal(2_000);

    for (const [socket, session] of bound) await receives(socket, session, sent.get(session)!);
    for (const socket of unbound) {
      for (const session of SESSIONS) await receives(socket, session, sent.get(session)!);
    }
    for (const [socket, last] of latecomers) {
      await receives(
        socket,
        's1',
        sent.get('s1')!.filter((id) => id > last),
      );
    }
    // A socket that sends gets its own as `message_ok` alone, in its place among the others.
    for (const socket of senders) {
      for (const session of senders.indexOf(socket) % 2 === 0 ? SESSIONS : ['s0']) {
        const told = () =>
          socket.frames
            .filter((frame) => ['message', 'message_ok'].includes(frame.type))
            .map((frame) => frame.data.message as { id: number; session_id: string })
            .filter((message) => message.session_id === session)
            .map((message) => message.id);
        await waitUntil(
          () => told().length >= sent.get(session)!.length,
          15_000,
          () => `a sender was told of ${told().length} messages of ${sent.get(session)!.length}`,
        );
        told().should.eql(sent.get(session)!);
        should(idsOf(socket, session, 'message_ok').length).be.above(0);
      }
    }
    for (const [socket] of bound) socket.terminate();
    for (const socket of [...unbound, ...senders, ...latecomers.map(([each]) => each)]) socket.terminate();
  });

  it('tell sockets of other processes of typing, reading, topics and participants', async () => {
    const [a, b] = [cluster.process(0), cluster.process(1)];
    const patient = await cluster.socket(a, 'P1', 's0');
    const doctor = await cluster.socket(b, 'D3');
    patient.send('typing', { typing: true });
    (await doctor.next('typing')).data.should.eql({ session_id: 's0', user_id: 'P1', typing: true });
    const id = await cluster.send('s0', 'D1', '请看', b);
    await patient.next('message');
    patient.send('read', { message_id: id });
    (await doctor.next('read')).data.should.eql({ session_id: 's0', user_id: 'P1', message_id: id });
    await cluster.ask('POST', '/sessions/t1/topics', { session_id: 's0', user_id: 'P1', name: '发热' }, a);
    (await doctor.next('topic')).data.topic.should.containEql({ id: 't1', status: 0 });
    await cluster.ask('PUT', '/sessions/s0/topics/t1/ended', { user_id: 'D1' }, b);
    (await patient.next('topic')).data.topic.should.containEql({ id: 't1', status: 0 });
    (await patient.next('topic')).data.topic.should.containEql({ id: 't1', status: 10 });
    await cluster.ask('PUT', '/sessions/s0/participants/D3', { role: 1 }, a);
    const { items } = (await doctor.next('participants')).data;
    items.find((each: { id: string }) => each.id === 'D3').role.should.equal(1);
    // Someone who looks at another session hears that there is something new.
    const elsewhere = await cluster.socket(b, 'P1', 's1');
    await cluster.send('s0', 'D1', '还有', a);
    (await elsewhere.next('notification')).data.should.containEql({ session_id: 's0' });
    for (const socket of [patient, doctor, elsewhere]) await socket.close();
  });

  it('carry a call between sockets of different processes', async () => {
    await cluster.session('c1', 'D1', 'P1');
    const caller = await cluster.socket(cluster.process(0), 'D1', 'c1');
    const callee = await cluster.socket(cluster.process(1), 'P1', 'c1');
    const other = await cluster.socket(cluster.process(2), 'P1', 'c1');
    const { call_id: id } = (await caller.request('call_invite', { media: 'video' })).data;
    for (const socket of [callee, other]) (await socket.next('call_invite')).data.call_id.should.equal(id);
    callee.send('call_accept', { call_id: id });
    (await caller.next('call_accept')).data.should.eql({ call_id: id, user_id: 'P1' });
    (await other.next('call_taken')).data.should.eql({ call_id: id });
    for (let n = 0; n < 20; n += 1) {
      caller.send('call_signal', { call_id: id, signal: { n } });
      callee.send('call_signal', { call_id: id, signal: { n } });
    }
    for (const socket of [caller, callee]) {
      for (let n = 0; n < 20; n += 1) (await socket.next('call_signal')).data.signal.should.eql({ n });
    }
    other.send('call_hangup', { call_id: id });
    for (const socket of [caller, callee, other]) {
      (await socket.next('call_ended')).data.should.containEql({ call_id: id, result: 'completed' });
      (await socket.next('message')).data.message.should.containEql({ type: 14, sender_id: 'D1' });
      await socket.close();
    }
  });

  it('know who is connected to the others', async () => {
    const doctor = await cluster.socket(cluster.process(2), 'D1');
    await cluster.sees('D1', true);
    await doctor.close();
    await cluster.sees('D1', false);
  });

  it('hold a token for revoked, all of them, as soon as its logout is answered', async () => {
    const [a, ...others] = cluster.processes as [ChildServer, ...ChildServer[]];
    for (let time = 0; time < 20; time += 1) {
      const token = await cluster.login('D1');
      // They trust it from now on.
      for (const each of others)
        (await cluster.request(each, 'GET', '/sessions/s0', undefined, token)).status.should.equal(200);
      (await cluster.request(a, 'POST', '/users/logout', {}, token)).status.should.equal(204);
      const answers = await Promise.all(
        others.map((each) => cluster.request(each, 'GET', '/sessions/s0', undefined, token)),
      );
      answers.map(({ status }) => status).should.eql([401, 401]);
    }
  });

  it('hold a revoked token for revoked, all of them, and close its sockets', async () => {
    const [a, b, c] = cluster.processes as [ChildServer, ChildServer, ChildServer];
    const token = await cluster.login('D2');
    const other = await cluster.login('D2');
    const sockets = [
      await cluster.socket(b, 'D2', undefined, token),
      await cluster.socket(c, 'D2', 's0', token),
    ];
    const spared = await cluster.socket(c, 'D2', undefined, other);
    for (const each of [a, b, c]) {
      (await cluster.request(each, 'GET', '/users/D2', undefined, token)).status.should.equal(200);
    }
    (await cluster.request(a, 'POST', '/users/logout', {}, token)).status.should.equal(204);
    for (const socket of sockets) (await socket.closed).code.should.equal(4401);
    for (const each of [a, b, c]) {
      (await cluster.request(each, 'GET', '/users/D2', undefined, token)).status.should.equal(401);
      (await cluster.request(each, 'GET', '/users/D2', undefined, other)).status.should.equal(200);
    }
    should(spared.isOpen).be.true();
    await cluster.ask('POST', '/users/logout', { user_id: 'D2' }, b);
    (await spared.closed).code.should.equal(4401);
    for (const each of [a, c]) {
      await waitUntil(
        async () => (await cluster.request(each, 'GET', '/users/D2', undefined, other)).status === 401,
        20_000,
        () => 'the other token was still good',
      );
    }
  });

  it('let those who come hear, and those who go hear no more, while messages go on', async () => {
    const [a, b, c] = cluster.processes as [ChildServer, ChildServer, ChildServer];
    const doctor = await cluster.socket(b, 'D3');
    for (let round = 0; round < 5; round += 1) {
      const session = `m${round}`;
      await cluster.session(session, 'D1', 'P3');
      const stay = await cluster.socket(b, 'D1', session);
      const goes = await cluster.socket(c, 'P3', session);
      const ids: number[] = [];
      let going = true;
      const sending = Promise.all(
        [a, b, c].map(async (process) => {
          while (going) ids.push(await cluster.send(session, 'D1', '在', process));
        }),
      );
      await sleep(50);
      await cluster.ask('POST', `/sessions/${session}/participants`, { participants: [{ id: 'D3' }] }, a);
      const { items } = await cluster.ask('GET', `/sessions/${session}/messages?peek=1&limit=1&user_id=D1`);
      const joinedBy = items[0].id as number;
      await sleep(50);
      (await cluster.request(c, 'DELETE', `/sessions/${session}/participants/P3`)).status.should.equal(204);
      (await goes.closed).code.should.equal(4404);
      going = false;
      await sending;
      ids.sort((x, y) => x - y);
      await receives(stay, session, ids);
      const last = ids.at(-1)!;
      await waitUntil(
        () => idsOf(doctor, session).at(-1) === last,
        15_000,
        () => 'the doctor who came did not hear the last message',
      );
      // From its joining on without a gap.
      const heard = idsOf(doctor, session);
      heard.should.eql(ids.slice(-heard.length));
      should(heard[0]).be.belowOrEqual(ids.find((id) => id > joinedBy) ?? last);
      await cluster.ask('DELETE', `/sessions/${session}/participants/D3`, undefined, c);
      await sleep(30);
      const before = doctor.frames.length;
      await cluster.send(session, 'D1', '走了', b);
      await sleep(30);
      doctor.frames
        .slice(before)
        .filter((frame) => frame.type === 'message')
        .should.eql([]);
      await stay.close();
    }
    await doctor.close();
  });

  it('use a new name at once, whichever of them learned it', async () => {
    const typists: SocketClient[] = [];
    const watchers: SocketClient[] = [];
    for (const process of cluster.processes) {
      typists.push(await cluster.socket(process, 'D1', 's3'));
      watchers.push(await cluster.socket(process, 'D3'));
    }
    for (let round = 0; round < 6; round += 1) {
      await cluster.ask(
        'PUT',
        '/users/D1',
        { type: 'doctor', name: `新名${round}` },
        cluster.process(round % 3),
      );
      // Who has heard what the process tells next has heard of the name.
      typists[round % 3]!.send('typing', { typing: true });
      for (const watcher of watchers) await watcher.next('typing');
      for (const process of cluster.processes) {
        const path = '/sessions/s3/messages';
        const message = await cluster.ask('POST', path, { sender_id: 'D1', type: 1, content: '在' }, process);
        message.sender_name.should.equal(`新名${round}`);
      }
    }
    for (const socket of [...typists, ...watchers]) await socket.close();
  });
}
