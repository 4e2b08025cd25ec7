import { setTimeout as sleep } from 'node:timers/promises';
import { type Database } from '../../db/database';
import { type NoticeRow } from '../../db/schema';
import { describeError, log } from '../../logger';
import { findDevice } from '../../model/devices';
import { messageTable } from '../../model/message-tables';
import { findMessage } from '../../model/messages';
import { newRequestId, sentPushes } from '../../model/push-notices';
import { findSession } from '../../model/sessions';
import { type Getui } from '../../push/getui/getui';

/** So long a stop waits for those under way. */
const GRACE_MS = 2_000;

/** Takes pushes back whose messages were taken back. It is tried once: what fails stays on the phone. */
export class PushRecalls {
  readonly #underWay = new Set<Promise<void>>();

  /** @param getui undefined: there are no pushes */
  constructor(
    private readonly database: Database,
    private readonly getui: Getui | undefined,
  ) {}

  /** To be called after the commit of a message's recall. */
  recalled(sessionId: string, messageId: number): void {
    if (this.getui === undefined) return;
    this.#quietly(async () => {
      const notices = await sentPushes(this.database.kysely, sessionId, messageId);
      await Promise.all(notices.map((notice) => this.#revoke(notice)));
    });
  }

  /** A push has been sent, maybe while its message was being taken back. */
  sentLate(notice: NoticeRow): void {
    const { message_id: messageId, session_id: sessionId } = notice;
    if (messageId === null) return;
    this.#quietly(async () => {
      const session = await findSession(this.database.kysely, sessionId);
      if (session === undefined) return;
      const message = await findMessage(
        this.database.kysely,
        messageTable(session.type),
        sessionId,
        messageId,
      );
      if (!message?.content) await this.#revoke(notice);
    });
  }

  async #revoke({ client_id, task_id, user_id }: NoticeRow): Promise<void> {
    if (client_id === null || task_id === null) return;
    const device = await findDevice(this.database.kysely, client_id);
    if (device?.user_id !== user_id || device.state !== 'active') return;
    await this.getui?.revoke(client_id, newRequestId(), task_id);
  }

  /** Waits for those under way. */
  async close(): Promise<void> {
    await Promise.race([Promise.all(this.#underWay), sleep(GRACE_MS, undefined, { ref: false })]);
  }

  #quietly(work: () => Promise<void>): void {
    const working = work()
      .catch((error: unknown) => {
        if (!this.database.outage.explains(error))
          log.warn(`a push could not be taken back: ${describeError(error)}`);
      })
      .finally(() => this.#underWay.delete(working));
    this.#underWay.add(working);
  }
}
