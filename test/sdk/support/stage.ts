import should from 'should';
import type { Backend, Member } from './backend';
import { ChatPage, type ClientOptions } from './chat-page';
import { FaultProxy } from './fault-proxy';
import { ProtocolServer } from './protocol-server';

export const PATIENT = { id: 'p-1', type: 'patient' } as const;
export const DOCTOR = { id: 'd-1', type: 'doctor' } as const;
export const SESSION = 'session-1';

/** A server with one session of a doctor and a patient, the proxy before it, and the pages that a test opens. */
export class Stage<S extends Backend = ProtocolServer> {
  readonly proxy = new FaultProxy(() => this.server.port);
  readonly pages: ChatPage[] = [];

  private constructor(readonly server: S) {}

  static open(): Promise<Stage> {
    return Stage.on(new ProtocolServer());
  }

  static async on<S extends Backend>(server: S): Promise<Stage<S>> {
    const stage = new Stage(server);
    try {
      await server.start();
      await server.addSession(SESSION, [PATIENT, DOCTOR]);
      await stage.proxy.start();
    } catch (error) {
      await server.dispose();
      throw error;
    }
    return stage;
  }

  /** Ends all. @throws when the code of a page has thrown something that nobody caught. */
  async close(): Promise<void> {
    const errors = this.pages.flatMap((page) => page.errors);
    try {
      await Promise.all(this.pages.map((page) => page.close()));
    } finally {
      await this.proxy.stop();
      await this.server.dispose();
    }
    should(errors).deepEqual([]);
  }

  async page(options: ClientOptions, jquery?: string): Promise<ChatPage> {
    const page = await ChatPage.open(this.proxy.url, { baseUrl: this.proxy.url, ...options }, jquery);
    this.pages.push(page);
    return page;
  }

  /** A page of a user, bound to the session where one is given; not connected yet. */
  async pageOf(user: Member, sessionId?: string, jquery?: string): Promise<ChatPage> {
    const token = await this.server.token(user);
    return this.page({ token, userId: user.id, userType: user.type, sessionId }, jquery);
  }

  patient(jquery?: string): Promise<ChatPage> {
    return this.pageOf(PATIENT, SESSION, jquery);
  }

  /** Bound to no session. */
  doctor(jquery?: string): Promise<ChatPage> {
    return this.pageOf(DOCTOR, undefined, jquery);
  }

  /** The doctor says that, one after another. */
  async doctorSays(...texts: string[]): Promise<void> {
    for (const text of texts) await this.server.post(SESSION, DOCTOR.id, text);
  }

  /** The texts that are stored in the session, in order. */
  async texts(sessionId = SESSION): Promise<unknown[]> {
    return (await this.server.stored(sessionId)).map(({ content }) => content);
  }
}
