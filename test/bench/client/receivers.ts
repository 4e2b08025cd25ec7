import { setTimeout as sleep } from 'node:timers/promises';
import { messageIdIn, SocketConnection } from './socket-connection';
import { type ReceiverPlan } from './tasks';

const ARRIVAL_LIMIT_MS = 5_000;
/** Whatever comes twice has come by then. */
const SECOND_ARRIVAL_MS = 100;

/** Sockets that only listen: what came to each of them, in its order. */
export class Receivers {
  private constructor(
    private readonly connections: SocketConnection[],
    readonly received: number[][],
    readonly faults: string[],
  ) {}

  /** @param onMessage called with the frame of each `message` */
  static async open(
    plans: readonly ReceiverPlan[],
    onMessage: (bytes: Buffer) => void = () => undefined,
  ): Promise<Receivers> {
    const received: number[][] = plans.map(() => []);
    const faults: string[] = [];
    const connections = await Promise.all(plans.map((plan) => SocketConnection.login(plan)));
    connections.forEach((connection, index) => {
      connection.onFrame = (type, bytes) => {
        if (type === 'error') faults.push(`a receiver got ${bytes.toString('utf8')}`);
        if (type !== 'message') return;
        received[index]?.push(messageIdIn(bytes));
        onMessage(bytes);
      };
      connection.onClose = () => faults.push('a receiving socket was closed');
    });
    return new Receivers(connections, received, faults);
  }

  /** Waits until as many messages came as were accepted in each one's session, 5 s at most, then closes the sockets. */
  async finish(expected: readonly number[]): Promise<void> {
    const giveUp = Date.now() + ARRIVAL_LIMIT_MS;
    const missing = () => this.received.some((ids, index) => ids.length < (expected[index] ?? 0));
    while (missing() && Date.now() < giveUp) await sleep(10);
    await sleep(SECOND_ARRIVAL_MS);
    for (const connection of this.connections) connection.close();
  }
}

/** How many messages were accepted in each receiver's session. */
export function acceptedBySession(
  senders: readonly { sessions: string[] }[],
  ids: readonly number[][],
  receivers: readonly ReceiverPlan[],
): number[] {
  const counts = new Map<string, number>();
  senders.forEach(({ sessions }, index) =>
    ids[index]?.forEach((id, n) => {
      const session = sessions[n % sessions.length] ?? '';
      if (id !== 0) counts.set(session, (counts.get(session) ?? 0) + 1);
    }),
  );
  return receivers.map(({ sessionId }) => counts.get(sessionId) ?? 0);
}
