import { type MessageRow, type MessageTableName } from '../db/schema';
import { type Run } from '../db/statement';
import { type LockedSession } from './appending/locked-session';
import { messageTable } from './message-tables';
import { type Quoted, quotedStatement } from './quotes';

/** The messages that a batch quotes, read under its sessions' locks: so none of them can be taken back before the commit. */
export class QuotedMessages {
  readonly #found = new Map<string, Quoted>();

  /** A `run`, and none where nothing is quoted. */
  async read(
    run: Run,
    sessions: ReadonlyMap<string, LockedSession>,
    wanted: readonly { sessionId: string; id: number }[],
  ): Promise<void> {
    const byTable = new Map<MessageTableName, Set<number>>();
    for (const { id, sessionId } of wanted) {
      const session = sessions.get(sessionId);
      if (session === undefined) continue;
      const table = messageTable(session.row.type);
      byTable.set(table, (byTable.get(table) ?? new Set()).add(id));
    }
    if (byTable.size === 0) return;
    const results = await run(Array.from(byTable, ([table, ids]) => quotedStatement(table, [...ids])));
    for (const row of results.flatMap(({ rows }) => rows as unknown as Quoted[]))
      this.#found.set(`${row.session_id} ${row.id}`, row);
  }

  get(sessionId: string, id: number): Quoted | undefined {
    return this.#found.get(`${sessionId} ${id}`);
  }

  /** What a message that was stored before quotes. */
  of(row: MessageRow): Quoted | undefined {
    return row.reply_to === null ? undefined : this.get(row.session_id, row.reply_to);
  }
}
