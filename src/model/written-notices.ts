import { type Transaction } from 'kysely';
import { type Dialect } from '../db/dialect';
import { type NOTICE_CHANNELS, type Schema } from '../db/schema';
import { insertRows, type NewId, runIn, type SqlValue, type Statement } from '../db/statement';
import { later, type SqlTime } from '../db/time';
import { type LockedSession } from './appending/locked-session';
import { activeDevices, type PushDevice, type PushDevices } from './devices';
import { type Member } from './participants';
import { FALLBACK_MS } from './push-notices';
import { MESSAGE_TYPE } from './values/message-content';

/** Notices that a transaction wrote: whether some are to be sent at once, and how many of WeChat's need no more than that. */
export interface WrittenNotices {
  dueNow: boolean;
  skipped: number;
  /** Pushes that had waited and are not made any more. */
  pushesSkipped?: number;
}

/** What a notice is written for. */
export type Occasion = 'message' | 'call';

/** A notice of somebody's as it is written: due at once, or when a socket's time to acknowledge is over. */
export interface PlannedNotice {
  channel: (typeof NOTICE_CHANNELS)[number];
  /** The device, for a push. */
  clientId: string | null;
  state: 'pending' | 'skipped';
  delayMs: number;
  /** Whether WeChat takes over from a push that nobody takes. */
  wechatFollows: boolean;
}

/** Decides who gets what. */
export interface NoticePlan {
  /** Whether phones are pushed to. Where not, their devices are not read, and doctors have no notices. */
  readonly usesDevices: boolean;
  plan(
    sessionId: string,
    member: Member,
    devices: readonly PushDevice[],
    occasion: Occasion,
  ): readonly PlannedNotice[];
}

/** What a transaction appends to one session. */
interface SessionMessages {
  readonly session: LockedSession;
  readonly messages: readonly { id: NewId; row: { sender_id: string; type: number } }[];
}

/**
 * The statements that write the notices of these messages, a notice for each message and way to a receiver.
 * @param devices of their members, by user; null where no phones are pushed to
 * @param written what comes of it is counted here
 */
export function insertNoticesOf(
  appends: Iterable<SessionMessages>,
  plan: NoticePlan,
  devices: PushDevices | null,
  written: WrittenNotices,
): Statement[] {
  const drafts: NoticeDraft[] = [];
  for (const { messages, session } of appends) {
    const receivers = devices === null ? patientsOf(session.members) : session.members.values();
    for (const receiver of receivers) {
      const planned = plan.plan(session.row.id, receiver, devices?.get(receiver.id) ?? [], 'message');
      for (const each of planned) drafts.push(...draftsOf({ messages, session }, receiver.id, each));
    }
  }
  for (const { due, now, state } of drafts) {
    if (state === 'skipped') written.skipped += 1;
    else if (due === now) written.dueNow = true;
  }
  const statements: Statement[] = [];
  for (let start = 0; start < drafts.length; start += NOTICES_A_STATEMENT)
    statements.push(insertNotices(drafts.slice(start, start + NOTICES_A_STATEMENT)));
  return statements;
}

/** One notice for each of the messages. */
function draftsOf(
  { messages, session }: SessionMessages,
  userId: string,
  planned: PlannedNotice,
): NoticeDraft[] {
  const { channel, clientId, delayMs, state, wechatFollows } = planned;
  const {
    now,
    row: { id: sessionId },
  } = session;
  const due = delayMs === 0 ? now : later(now, delayMs);
  const fallback = wechatFollows ? later(due, FALLBACK_MS) : null;
  // Nobody hears of what he sent himself. A call's notice is sent at its invitation.
  return messages
    .filter(({ row }) => row.sender_id !== userId && row.type !== MESSAGE_TYPE.call)
    .map(({ id }) => ({ channel, clientId, sessionId, messageId: id, userId, state, now, due, fallback }));
}

/**
 * Notices of a call's invitation, for those who have no socket that gets it.
 * @returns what was written, to be told after the commit
 */
export async function insertCallNotices(
  trx: Transaction<Schema>,
  dialect: Dialect,
  { id, now, sessionId }: { id: string; sessionId: string; now: SqlTime },
  callees: readonly Member[],
  noticePlan: NoticePlan,
): Promise<WrittenNotices> {
  const devices = noticePlan.usesDevices ? await activeDevices(runIn(trx, dialect), [sessionId]) : null;
  const planned = callees.flatMap((callee) =>
    noticePlan
      .plan(sessionId, callee, devices?.get(callee.id) ?? [], 'call')
      .map((each) => ({ ...each, user: callee.id })),
  );
  if (planned.length === 0) return { dueNow: false, skipped: 0 };
  await trx
    .insertInto('notices')
    .values(
      planned.map(({ channel, clientId, state, user }) => ({
        channel,
        session_id: sessionId,
        message_id: null,
        call_id: id,
        user_id: user,
        client_id: clientId,
        state,
        create_time: now,
        update_time: now,
        due_time: now,
      })),
    )
    .execute();
  const skipped = planned.filter(({ state }) => state === 'skipped').length;
  return { dueNow: skipped < planned.length, skipped };
}

/** By the list of members, which is never changed, only replaced. */
const patients = new WeakMap<ReadonlyMap<string, Member>, readonly Member[]>();

/** Who may get a notice where no phones are pushed to. */
function patientsOf(members: ReadonlyMap<string, Member>): readonly Member[] {
  let found = patients.get(members);
  if (found === undefined) {
    found = [...members.values()].filter((member) => member.type === 'patient');
    patients.set(members, found);
  }
  return found;
}

/** Somebody's notice of a message. */
interface NoticeDraft {
  channel: string;
  clientId: string | null;
  sessionId: string;
  messageId: NewId;
  userId: string;
  state: string;
  now: SqlTime;
  due: SqlTime;
  /** When WeChat takes over from a push. */
  fallback: SqlTime | null;
}

/** SQLite takes 32,766 values a statement. */
const NOTICES_A_STATEMENT = 1000;

const NOTICE_COLUMNS = 'channel, session_id, message_id, user_id, state, create_time, update_time, due_time';

function insertNotices(drafts: readonly NoticeDraft[]): Statement {
  const isPush = drafts.some(({ clientId }) => clientId !== null);
  const rows = drafts.map((draft): SqlValue[] => {
    const { channel, clientId, due, fallback, messageId, now, sessionId, state, userId } = draft;
    const common = [channel, sessionId, messageId, userId, state, now, now, due];
    return isPush ? [...common, clientId, fallback] : common;
  });
  return insertRows(`notices (${NOTICE_COLUMNS}${isPush ? ', client_id, fallback_time' : ''})`, rows);
}
