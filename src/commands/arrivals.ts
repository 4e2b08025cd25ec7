import { type Database } from '../db/database';
import { describeError, log } from '../logger';
import { settleNotices } from '../model/notices';

interface Arrival {
  sessionId: string;
  userId: string;
  messageId: number;
}

const FAILED_WAIT_MS = 500;

/**
 * Messages that arrived at patients, so that WeChat need not be used. Acknowledgements come in crowds: they are gathered
 * while the last ones are being written, the highest one a patient and session.
 */
export class Arrivals {
  #pending = new Map<string, Arrival>();
  #running: Promise<void> | undefined;

  constructor(private readonly database: Database) {}

  /** Everything in the session up to `messageId` has arrived at the patient. */
  arrived(sessionId: string, userId: string, messageId: number): void {
    const key = `${sessionId} ${userId}`;
    const known = this.#pending.get(key);
    if (known === undefined) this.#pending.set(key, { sessionId, userId, messageId });
    else if (messageId > known.messageId) known.messageId = messageId;
    this.#running ??= this.#run();
  }

  /** Resolves when all that arrived is written. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    await Promise.resolve();
    while (this.#pending.size > 0) {
      const batch = [...this.#pending.values()].sort((a, b) => (a.userId < b.userId ? -1 : 1));
      this.#pending = new Map();
      try {
        await this.database.transaction(async (trx) => {
          for (const { sessionId, userId, messageId } of batch) {
            await settleNotices(trx, sessionId, userId, messageId);
          }
        });
      } catch (error) {
        // A patient may get a WeChat message for what has arrived; better than none for what has not.
        log.warn(`acknowledgements could not be written: ${describeError(error)}`);
        await new Promise((resolve) => setTimeout(resolve, FAILED_WAIT_MS));
      }
    }
    this.#running = undefined;
  }
}
