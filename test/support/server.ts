import supertest from 'supertest';
import { type Overrides } from '../../src/context';
import { type Config, configFrom } from '../../src/resources/config/config';
import { ImServer } from '../../src/server';
import { APP_KEY, TOKEN_SECRET } from './keys';
import { connect, type SocketClient } from './socket-client';

export { APP_KEY, TOKEN_SECRET };

/** A whole server on a free port, and short ways to do what most tests do first. */
export class TestServer {
  private constructor(
    readonly server: ImServer,
    readonly port: number,
  ) {}

  /**
   * Starts a server of the profile `test`, on `sqlite::memory:` unless told otherwise.
   * @param environment IM_* variables; @param changes settings that no variable can have
   */
  static async start(
    environment: Record<string, string> = {},
    changes: Partial<Config> = {},
    overrides: Overrides = {},
  ): Promise<TestServer> {
    const config = configFrom({
      IM_PROFILE: 'test',
      IM_PORT: '0',
      IM_APP_KEY: APP_KEY,
      IM_TOKEN_SECRET: TOKEN_SECRET,
      IM_LOG_LEVEL: 'error',
      // Tests of files name a folder of their own.
      IM_FILES: 'off',
      ...environment,
    });
    const server = ImServer.create({ ...config, ...changes }, overrides);
    return new TestServer(server, await server.start());
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get context() {
    return this.server.context;
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  /** A request below /api/v2 as the platform's backend, or as a user where a token is given. */
  request(method: 'get' | 'post' | 'put' | 'delete', path: string, token?: string) {
    const request = supertest(this.url)[method](`/api/v2${path}`);
    return token === undefined
      ? request.set('X-IM-App-Key', APP_KEY)
      : request.set('Authorization', `Bearer ${token}`);
  }

  /** Makes users: ids that begin with `P` are patients, all others doctors. A patient's openid is `openid-<id>`. */
  async users(...ids: string[]): Promise<void> {
    for (const id of ids) {
      const type = typeOf(id);
      await this.request('put', `/users/${id}`)
        .send({ type, name: `${id}的名字`, ...(type === 'patient' ? { openid: `openid-${id}` } : {}) })
        .expect(201);
    }
  }

  async token(id: string): Promise<string> {
    const response = await this.request('post', '/users/login')
      .send({ user_id: id, user_type: typeOf(id) })
      .expect(200);
    return response.body.token as string;
  }

  /** Makes a session; its users must exist. */
  async session(id: string, type: number, ...participants: string[]): Promise<void> {
    await this.request('post', '/sessions')
      .send({ id, type, name: `会话${id}`, participants: participants.map((each) => ({ id: each })) })
      .expect(201);
  }

  /** Sends a text as `sender`. @returns the message */
  async send(session: string, sender: string, content: string) {
    const response = await this.request('post', `/sessions/${session}/messages`)
      .send({ sender_id: sender, type: 1, content })
      .expect(201);
    return response.body as { id: number; timestamp: string; [field: string]: unknown };
  }

  /** A socket that is logged in; bound to `session` where one is given. */
  async socket(user: string, session?: string): Promise<SocketClient> {
    return this.socketOf(await this.token(user), user, session);
  }

  /** The same with a token that the user has. */
  async socketOf(token: string, user: string, session?: string): Promise<SocketClient> {
    const client = await connect(this.url);
    await client.login(token, session, typeOf(user));
    return client;
  }
}

function typeOf(id: string): 'patient' | 'doctor' {
  return id.startsWith('P') ? 'patient' : 'doctor';
}
