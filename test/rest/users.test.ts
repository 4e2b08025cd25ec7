import should from 'should';
import { eachDatabase } from '../support/databases';
import { Api } from './api';
import { waitUntil } from '../support/wait-until';

eachDatabase('Users', (database) => {
  let api: Api;
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'P1', 'P2');
  });
  after(() => api.stop());

  const full = {
    type: 'patient',
    name: '王小明 <b>😀',
    sex: 2,
    birthdate: '1960-05-17',
    avatar: 'https://files.example.com/头像.jpg',
    openid: 'o6_bmjrPTlm6_2sgVt7hMZOPfL2M',
  };

  it('a profile is made with 201, changed with 200, and comes back as it went', async () => {
    const made = await api.put('backend', '/users/P10', full);
    should([made.status, made.body]).eql([201, { id: 'P10', ...full }]);
    const changed = await api.put('backend', '/users/P10', { ...full, name: '王大明', sex: 9 });
    should([changed.status, changed.body]).eql([200, { id: 'P10', ...full, name: '王大明', sex: 9 }]);
    should((await api.get('backend', '/users/P10')).body).eql(changed.body);
  });

  it('what a PUT leaves out stays, null empties', async () => {
    await api.put('backend', '/users/P11', full);
    const kept = await api.put('backend', '/users/P11', { type: 'patient', name: '新名' });
    should(kept.body).eql({ id: 'P11', ...full, name: '新名' });
    const emptied = await api.put('backend', '/users/P11', {
      type: 'patient',
      name: '新名',
      avatar: null,
      birthdate: null,
      openid: null,
    });
    should(emptied.body).eql({
      id: 'P11',
      ...full,
      name: '新名',
      avatar: null,
      birthdate: null,
      openid: null,
    });
  });

  it('without anything else: sex unknown, the rest null', async () => {
    const { body } = await api.put('backend', '/users/D10', { type: 'doctor', name: 'x' });
    should(body).eql({
      id: 'D10',
      type: 'doctor',
      name: 'x',
      sex: 0,
      birthdate: null,
      avatar: null,
      openid: null,
    });
  });

  for (const [title, change] of Object.entries({
    'the longest name': { name: '😀'.repeat(100) },
    'the longest address': { avatar: `https://files.example.com/${'a'.repeat(2022)}` },
    'the longest address of other letters': { avatar: `https://files.example.com/${'😀'.repeat(2022)}` },
    'a leap day': { birthdate: '2024-02-29' },
    'an early day': { birthdate: '1000-01-01' },
    'blanks at the end': { name: 'a  ' },
  })) {
    it(`keeps ${title}`, async () => {
      const { body, status } = await api.put('backend', `/users/${api.fresh('D')}`, {
        type: 'doctor',
        name: 'x',
        ...change,
      });
      status.should.equal(201);
      should((await api.get('backend', `/users/${String(body.id)}`)).body).containEql(change);
    });
  }

  it('another type than before is a conflict, also before the profile', async () => {
    const answer = await api.put('backend', '/users/D1', { type: 'patient', name: 'x' });
    should([answer.status, answer.body.code]).eql([409, 'conflict']);
  });

  it('twenty makers of one profile: one 201, nineteen 200', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        api.put('backend', '/users/D20', { type: 'doctor', name: `n${index}` }),
      ),
    );
    answers
      .map(({ status }) => status)
      .sort()
      .should.eql([...Array<number>(19).fill(200), 201]);
  });

  it('of makers with different types, one type wins and the others are conflicts', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        api.put('backend', '/users/U1', { type: index % 2 === 0 ? 'doctor' : 'patient', name: 'x' }),
      ),
    );
    const { type } = (await api.get('backend', '/users/U1')).body as { type: string };
    for (const [index, { status }] of answers.entries()) {
      const same = (index % 2 === 0 ? 'doctor' : 'patient') === type;
      (same ? [200, 201] : [409]).should.containEql(status);
    }
  });

  it('openid is shown to the backend alone', async () => {
    await api.put('backend', '/users/P12', full);
    const session = await api.session(1, 'D1', 'P12');
    session.should.be.a.String();
    should((await api.get('backend', '/users/P12')).body.openid).equal(full.openid);
    const { openid: _hidden, ...shown } = full;
    for (const caller of ['D1', 'P12']) {
      should((await api.get(caller, '/users/P12')).body).eql({ id: 'P12', ...shown });
    }
  });

  it('a user sees itself and whom it shares a session with, as long as it does', async () => {
    const seen = async () => (await api.get('D2', '/users/P2')).status;
    (await api.get('D2', '/users/D2')).status.should.equal(200);
    (await seen()).should.equal(404);
    (await api.get('D2', '/users/P2/status')).status.should.equal(404);
    const session = await api.session(1, 'D2', 'P2');
    (await seen()).should.equal(200);
    (await api.get('D2', '/users/P2/status')).status.should.equal(200);
    await api.delete('backend', `/sessions/${session}/participants/D2`);
    (await seen()).should.equal(404);
  });

  it('status: what the app says, and null where it said nothing', async () => {
    await api.server.users('D30');
    should((await api.get('backend', '/users/D30/status')).body).eql({
      user_id: 'D30',
      online: false,
      in_background: false,
      platform: null,
      last_active_time: null,
    });
    const set = await api.put('D30', '/users/D30/status', {
      in_background: true,
      platform: 'ios',
      client_id: 'c',
    });
    should(set.body).containEql({ online: false, in_background: true, platform: 'ios' });
    const kept = await api.put('backend', '/users/D30/status', { in_background: false });
    should(kept.body).containEql({ in_background: false, platform: 'ios' });
    should((await api.get('D30', '/users/D30/status')).body).eql(kept.body);
  });

  it('status: online while a socket is open', async () => {
    const session = await api.session(1, 'D1', 'P1');
    const online = async () => (await api.get('D1', '/users/P1/status')).body.online as boolean;
    (await online()).should.be.false();
    const socket = await api.server.socket('P1', session);
    (await online()).should.be.true();
    await socket.close();
    // The client may know of its end before the server does.
    await waitUntil(
      async () => !(await online()),
      20_000,
      () => 'still online',
    );
  });

  it('consult time: the latest message in a session with a patient, whoever else writes', async () => {
    await api.server.users('D40', 'D41', 'P40');
    const times = async () =>
      (await api.get('backend', '/users/D40/consult/time')).body as {
        last_consult_time: string | null;
        last_active_time: string | null;
      };
    should(await times()).eql({ user_id: 'D40', last_active_time: null, last_consult_time: null });
    const team = await api.session(3, 'D40', 'D41');
    await api.server.send(team, 'D40', '同事');
    should((await times()).last_consult_time).be.null();
    should((await times()).last_active_time).be.a.String();
    const consultation = await api.session(1, 'D40', 'P40');
    await api.server.send(consultation, 'P40', '医生您好');
    should((await times()).last_consult_time).be.null();
    const sent = await api.server.send(consultation, 'D40', '您好');
    await api.server.send(consultation, 'P40', '谢谢');
    await api.server.send(team, 'D40', '同事');
    should((await times()).last_consult_time).equal(sent.timestamp);
    // What was said stays said after one has left.
    await api.delete('backend', `/sessions/${consultation}/participants/D40`);
    should((await times()).last_consult_time).equal(sent.timestamp);
    should((await api.get('D40', '/users/D40/consult/time')).body).containEql({
      last_consult_time: sent.timestamp,
    });
  });

  it('consult time: starting and ending a topic, and its messages, are activity of their senders', async () => {
    await api.server.users('D42', 'D43', 'P42');
    const session = await api.session(1, 'D42', 'D43', 'P42');
    const times = async (user: string) =>
      (await api.get('backend', `/users/${user}/consult/time`)).body as Record<string, string | null>;
    await api.post('backend', '/sessions/t42/topics', {
      session_id: session,
      name: 'x',
      messages: [{ sender_id: 'P42', type: 1, content: 'x' }],
    });
    const patient = await times('P42');
    should(patient.last_consult_time).be.a.String();
    should(patient.last_active_time).be.a.String();
    should((await times('D42')).last_active_time).be.null();
    await api.put('backend', `/sessions/${session}/topics/t42/ended`, { user_id: 'D42' });
    should((await times('D42')).last_active_time).be.a.String();
    should((await times('D43')).last_active_time).be.null();
  });

  it('badge: unread over all kinds of sessions', async () => {
    await api.server.users('D50', 'D51', 'P50');
    const badge = async () => (await api.get('D50', '/application/badge_no')).body.badge_no as number;
    (await badge()).should.equal(0);
    const sessions = [
      await api.session(0, 'D50'),
      await api.session(1, 'D50', 'P50'),
      await api.session(2, 'D50', 'D51'),
      await api.session(3, 'D50', 'D51'),
    ];
    for (const [index, session] of sessions.entries()) {
      for (let count = 0; count <= index; count += 1) {
        const sender = index === 0 ? {} : { sender_id: index === 1 ? 'P50' : 'D51' };
        (
          await api.post('backend', `/sessions/${session}/messages`, {
            type: index === 0 ? 0 : 1,
            content: 'x',
            ...sender,
          })
        ).status.should.equal(201);
      }
    }
    (await badge()).should.equal(10);
    await api.get('D50', `/sessions/${sessions[3]!}/messages`);
    (await badge()).should.equal(6);
    await api.server.send(sessions[1]!, 'D50', '您好');
    (await badge()).should.equal(6);
  });
});
