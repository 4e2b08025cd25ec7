import should from 'should';
import { ChildServer } from '../support/child-server';
import { type TestDatabase } from '../support/databases';
import { type PrivateRedis, startRedis } from '../support/private-redis';
import { APP_KEY } from '../support/server';
import { connect, type Frame, type SocketClient, terminateAll } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read bodies freely, as they do supertest's
type Body = any;

export interface Answer {
  status: number;
  body: Body;
}

/** Several real processes over one database and one Redis. Ids that begin with `P` are patients', all others doctors'. */
export class Cluster {
  private readonly tokens = new Map<string, string>();

  private constructor(
    readonly redis: PrivateRedis,
    readonly environment: Record<string, string>,
    readonly processes: ChildServer[],
  ) {}

  static async start(
    database: TestDatabase,
    count: number,
    environment: Record<string, string> = {},
  ): Promise<Cluster> {
    const [url, redis] = await Promise.all([database.freshUrl(), startRedis()]);
    const all = {
      IM_DATABASE_URL: url,
      IM_REDIS_URL: redis.url,
      IM_SEND_RATE: '100000',
      ...environment,
    };
    // At once: the first one brings the schema up to date while the others wait.
    const processes = await Promise.all(Array.from({ length: count }, () => ChildServer.start(all)));
    return new Cluster(redis, all, processes);
  }

  /** One process more. */
  async add(): Promise<ChildServer> {
    const added = await ChildServer.start(this.environment);
    this.processes.push(added);
    return added;
  }

  async stop(): Promise<void> {
    this.redis.resume();
    await terminateAll();
    await Promise.all(this.processes.map((each) => each.end()));
    await this.redis.remove();
  }

  /** The process of that number; without one, any. */
  process(number = Math.floor(Math.random() * this.processes.length)): ChildServer {
    return this.processes[number]!;
  }

  /** A request below /api/v2 as the platform's backend, or as the user whose token is given. */
  async request(
    process: ChildServer,
    method: string,
    path: string,
    body?: unknown,
    token?: string,
  ): Promise<Answer> {
    const response = await fetch(`${process.url}/api/v2${path}`, {
      method,
      headers: {
        'Content-Type': 'application/json',
        ...(token === undefined ? { 'X-IM-App-Key': APP_KEY } : { Authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  }

  /** The same, through any process, where it has to succeed. */
  async ask(method: string, path: string, body?: unknown, process = this.process()): Promise<Body> {
    const answer = await this.request(process, method, path, body);
    should(answer.status).be.below(300, `${method} ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  async users(...ids: string[]): Promise<void> {
    for (const id of ids) {
      const type = typeOf(id);
      const openid = type === 'patient' ? { openid: `openid-${id}` } : {};
      await this.ask('PUT', `/users/${id}`, { type, name: `${id}的名字`, ...openid });
    }
  }

  async session(id: string, ...participants: string[]): Promise<void> {
    const people = participants.map((each) => ({ id: each }));
    await this.ask('POST', '/sessions', { id, type: 1, name: id, participants: people });
  }

  async login(id: string): Promise<string> {
    const answer = await this.ask('POST', '/users/login', { user_id: id, user_type: typeOf(id) });
    return answer.token as string;
  }

  /** Sends a text; through any process unless one is given. @returns the message's id */
  async send(session: string, sender: string, content: string, process = this.process()): Promise<number> {
    const path = `/sessions/${session}/messages`;
    const message = await this.ask('POST', path, { sender_id: sender, type: 1, content }, process);
    return message.id as number;
  }

  /** A socket that is logged in with a token that the user's sockets share, or with the one given. */
  async socket(process: ChildServer, user: string, session?: string, token?: string): Promise<SocketClient> {
    const known = token ?? this.tokens.get(user) ?? (await this.login(user));
    if (token === undefined) this.tokens.set(user, known);
    const client = await connect(process.url);
    (await client.login(known, session, typeOf(user))).type.should.equal('login_ok');
    return client;
  }

  online(process: ChildServer, user: string): Promise<boolean> {
    return this.ask('GET', `/users/${user}/status`, undefined, process).then(
      (status) => status.online as boolean,
    );
  }

  /** Waits until all processes, or those given, say that the user is online, or is not. */
  async sees(user: string, online: boolean, ms = 8_000, processes = this.processes): Promise<void> {
    await waitUntil(
      async () =>
        (await Promise.all(processes.map((each) => this.online(each, user)))).every(
          (each) => each === online,
        ),
      ms,
      () => `${user} was not ${online ? 'online' : 'offline'} everywhere`,
    );
  }

  /** Waits until the processes hear of each other again, or know that they don't. */
  async busIs(state: 'up' | 'down', ms = 20_000): Promise<void> {
    await waitUntil(
      async () => {
        const states = await Promise.all(
          this.processes.map(async ({ url }) => {
            const answer = await fetch(`${url}/health/ready`);
            return ((await answer.json()) as { parts: { redis: string } }).parts.redis;
          }),
        );
        return states.every((each) => each === (state === 'up' ? 'ok' : 'unavailable'));
      },
      ms,
      () => `the bus was not ${state} everywhere`,
    );
  }
}

export function typeOf(id: string): 'patient' | 'doctor' {
  return id.startsWith('P') ? 'patient' : 'doctor';
}

/** The ids of the messages of a session that the socket was sent as `type`, in the order in which they came. */
export function idsOf(client: SocketClient, session: string, type = 'message'): number[] {
  return client.frames
    .filter((frame: Frame) => frame.type === type && frame.data.message.session_id === session)
    .map((frame) => frame.data.message.id as number);
}

/** Waits until the socket has so many messages of the session. */
export async function receives(
  client: SocketClient,
  session: string,
  wanted: number[],
  ms = 15_000,
): Promise<void> {
  await waitUntil(
    () => idsOf(client, session).length >= wanted.length,
    ms,
    () => `${idsOf(client, session).length} of ${wanted.length} messages of ${session} came`,
  ).catch((error: unknown) => {
    // What is missing says more than how much.
    idsOf(client, session).should.eql(wanted);
    throw error;
  });
  idsOf(client, session).should.eql(wanted);
}
