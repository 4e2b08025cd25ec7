import { freePort } from '../../support/free-port';
import { removeFolder, temporaryFolder } from '../../support/processes';
import { TestServer } from '../../support/server';
import type { Backend, Member, StoredMessage } from './backend';

/** The server itself, on a database that outlives its restarts. */
export class RealServer implements Backend {
  port = 0;
  private readonly folder = temporaryFolder('im-sdk-');
  private running: TestServer | undefined;

  /** The running server. @throws while it is stopped */
  get server(): TestServer {
    if (this.running === undefined) throw new Error('the server is stopped');
    return this.running;
  }

  async start(): Promise<void> {
    if (this.port === 0) this.port = await freePort();
    this.running = await TestServer.start({
      IM_PORT: String(this.port),
      IM_DATABASE_URL: `sqlite:${this.folder}/im.db`,
      IM_FILES: `file:${this.folder}/files`,
    });
  }

  async stop(): Promise<void> {
    await this.running?.stop();
    this.running = undefined;
  }

  async dispose(): Promise<void> {
    await this.stop();
    removeFolder(this.folder);
  }

  async addSession(id: string, members: readonly Member[]): Promise<void> {
    for (const { id: user, type } of members) {
      await this.server.request('put', `/users/${user}`).send({ type, name: user });
    }
    await this.server.session(id, 1, ...members.map((member) => member.id));
  }

  async token({ id, type }: Member): Promise<string> {
    const login = this.server.request('post', '/users/login');
    const { body } = await login.send({ user_id: id, user_type: type }).expect(200);
    return body.token as string;
  }

  async post(sessionId: string, senderId: string, text: string): Promise<number> {
    return (await this.server.send(sessionId, senderId, text)).id;
  }

  async stored(sessionId: string): Promise<StoredMessage[]> {
    const { body } = await this.server
      .request('get', `/sessions/${sessionId}/messages?limit=200&peek=1`)
      .expect(200);
    return body.items as StoredMessage[];
  }
}
