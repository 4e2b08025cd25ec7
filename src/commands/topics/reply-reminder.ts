import { databaseNow } from '../../db/clock';
import { runIn } from '../../db/statement';
import { later } from '../../db/time';
import { describeError, log } from '../../logger';
import { Events } from '../../model/written-events';
import { lockSession } from '../../model/appending/locked-session';
import { findTopic, isWaiting, markOverdue, waitingSince } from '../../model/topics';
import { repeat } from '../../repeat';
import { frame } from '../../views/frames';
import { topicView } from '../../views/topic';
import { type Services } from '../services';

/** How often to look. */
const LOOK_MS = 1_000;
/** Topics that one look takes; where there are more, the next look follows at once. */
const LOOK = 100;
/** Who was not told in time need not be told any more: the server was off, or this setting. */
const TOO_LATE_MS = 24 * 60 * 60_000;

export interface ReplyReminderParts extends Pick<Services, 'database' | 'deliver' | 'wantedEvents'> {
  /** How long an open topic may wait for its first reply; undefined: nobody is told. */
  remindMs: number | undefined;
}

/**
 * Tells once in a topic's life that it has waited too long for its first reply: its doctors' sockets, and the platform. Every
 * process looks; the topic's mark, set under its session's lock, lets one tell. The database's clock judges.
 */
export class ReplyReminder {
  #end: () => void = () => undefined;
  #looking: Promise<void> = Promise.resolve();
  #isClosing = false;

  constructor(private readonly parts: ReplyReminderParts) {}

  start(): void {
    if (this.parts.remindMs === undefined) return;
    const { remindMs } = this.parts;
    this.#end = repeat(LOOK_MS, () => {
      this.#looking = this.#lookForAll(remindMs);
      return this.#looking;
    });
  }

  /** Waits for the look under way. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#end();
    await this.#looking;
  }

  async #lookForAll(remindMs: number): Promise<void> {
    try {
      while (!this.#isClosing && (await this.#look(remindMs)) === LOOK);
    } catch (error) {
      if (!this.parts.database.outage.explains(error))
        log.warn(`topics that wait for a reply could not be read, trying again: ${describeError(error)}`);
    }
  }

  /** @returns how many topics were overdue */
  async #look(remindMs: number): Promise<number> {
    const { dialect, kysely } = this.parts.database;
    const now = await databaseNow(kysely, dialect);
    const due = later(now, -remindMs);
    const tooLate = later(due, -TOO_LATE_MS);
    const waiting = await waitingSince(kysely, due, LOOK);
    const missed = waiting.filter(({ create_time }) => create_time < tooLate);
    if (missed.length > 0)
      await markOverdue(
        kysely,
        missed.map(({ id }) => id),
        now,
      );
    for (const topic of waiting) if (topic.create_time >= tooLate) await this.#tell(topic);
    return waiting.length;
  }

  async #tell({ id, session_id }: { id: string; session_id: string }): Promise<void> {
    const { database, deliver, wantedEvents } = this.parts;
    const told = await database.transaction(async (trx) => {
      const run = runIn(trx, database.dialect);
      const session = await lockSession(run, database.dialect, session_id);
      const topic = await findTopic(trx, id);
      if (session === undefined || topic === undefined || !isWaiting(topic)) return undefined;
      await markOverdue(trx, [id], session.now);
      const events = new Events(wantedEvents);
      events.add(session, 'topic.overdue', { topicId: id });
      await events.store(run);
      const doctors = [...session.members.values()].filter(({ type }) => type === 'doctor');
      return { topic, doctors: doctors.map((doctor) => doctor.id) };
    });
    if (told === undefined) return;
    deliver.userEvent(session_id, told.doctors, frame('topic_overdue', { topic: topicView(told.topic) }));
  }
}
