import { type Browser } from 'playwright-core';
import should from 'should';
import { ChatPage, type ClientOptions } from './chat-page';
import { FaultProxy } from './fault-proxy';
import { ProtocolServer } from './protocol-server';

export const PATIENT = { id: 'p-1', type: 'patient' } as const;
export const DOCTOR = { id: 'd-1', type: 'doctor' } as const;
export const SESSION = 'session-1';

/** A server with one session of a doctor and a patient, the proxy before it, and the pages that a test opens. */
export class Stage {
  readonly server = new ProtocolServer();
  readonly proxy = new FaultProxy(() => this.server.port);
  readonly pages: ChatPage[] = [];

  private constructor(private readonly browser: Browser) {}

  static async open(browser: Browser): Promise<Stage> {
    const stage = new Stage(browser);
    await stage.server.start();
    await stage.server.addSession(SESSION, [PATIENT, DOCTOR]);
    await stage.proxy.start();
    return stage;
  }

  /** Ends all. @throws when the code of a page has thrown something that nobody caught. */
  async close(): Promise<void> {
    const errors = this.pages.flatMap((page) => page.errors);
    await Promise.all(this.pages.map((page) => page.page.close()));
    await this.proxy.stop();
    await this.server.stop();
    should(errors).deepEqual([]);
  }

  async page(options: ClientOptions, jquery?: string): Promise<ChatPage> {
    const page = await ChatPage.open(
      this.browser,
      this.proxy.url,
      { baseUrl: this.proxy.url, ...options },
      jquery,
    );
    this.pages.push(page);
    return page;
  }

  /** A page of the patient, bound to the session; not connected yet. */
  async patient(jquery?: string): Promise<ChatPage> {
    const token = await this.server.token(PATIENT.id);
    return this.page({ token, userId: PATIENT.id, userType: 'patient', sessionId: SESSION }, jquery);
  }

  /** A page of the doctor, bound to no session; not connected yet. */
  async doctor(jquery?: string): Promise<ChatPage> {
    const token = await this.server.token(DOCTOR.id);
    return this.page({ token, userId: DOCTOR.id, userType: 'doctor' }, jquery);
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
