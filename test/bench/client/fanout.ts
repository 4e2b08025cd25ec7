import { setTimeout as sleep } from 'node:timers/promises';
import { cpuMs } from '../process-usage';
import { messageOf, sendFrame } from './messages';
import { messageIdIn, SocketConnection } from './socket-connection';
import { type FanoutResult, type FanoutTask, type ReceiverPlan } from './tasks';

const ARRIVAL_LIMIT_MS = 10_000;
const SECOND_ARRIVAL_MS = 100;
const LOGINS_AT_ONCE = 50;

/** A session whose sockets all hear of what one of them sends. */
class Room {
  /** Ids in the order in which the fastest socket got them: every other one must get the same. */
  readonly sequence: number[] = [];
  readonly accepted: number[] = [];
  readonly latencies: number[] = [];
  readonly faults: string[] = [];
  readonly #sockets: SocketConnection[] = [];
  readonly #sentAt: number[] = [];
  /** By message: the sockets that got it. */
  readonly #arrivals: number[] = [];
  #completed = 0;
  pushes = 0;
  lastPushAt = 0;

  constructor(
    private readonly task: FanoutTask,
    private readonly index: number,
    private readonly receivers: number,
  ) {}

  addReceiver(socket: SocketConnection): void {
    let count = 0;
    this.#sockets.push(socket);
    socket.onClose = () => this.faults.push('a receiving socket was closed');
    socket.onFrame = (type, bytes) => {
      if (type !== 'message') return;
      const id = messageIdIn(bytes);
      if (count === this.sequence.length) this.sequence.push(id);
      else if (this.sequence[count] !== id) {
        this.faults.push(`a socket got ${id} where others got ${this.sequence[count] ?? 0}`);
      }
      this.#arrived(count);
      count += 1;
    };
  }

  #arrived(message: number): void {
    this.pushes += 1;
    const arrivals = (this.#arrivals[message] ?? 0) + 1;
    this.#arrivals[message] = arrivals;
    if (arrivals !== this.receivers) return;
    this.lastPushAt = performance.now();
    this.latencies.push(this.lastPushAt - (this.#sentAt[message] ?? 0));
    this.#completed += 1;
    this.#proceed();
  }

  /** Keeps `window` messages on their way until the time is over. */
  #proceed: () => void = () => undefined;

  async run(sender: SocketConnection, plan: ReceiverPlan, start: number): Promise<void> {
    const { maxMessages, ms, run, window } = this.task;
    const user = { ...plan, sessions: [plan.sessionId] };
    sender.onFrame = (type, bytes) => {
      if (type === 'message_ok') this.accepted.push(messageIdIn(bytes));
      else if (type === 'error') this.faults.push(`a send was answered with ${bytes.toString('utf8')}`);
    };
    const mayGoOn = () => performance.now() < start + ms && this.#sentAt.length < maxMessages;
    this.#proceed = () => {
      while (mayGoOn() && this.#sentAt.length - this.#completed < window) {
        const n = this.#sentAt.length;
        this.#sentAt.push(performance.now());
        sender.send(sendFrame(messageOf(run, user, this.index, n)));
      }
    };
    this.#proceed();
    const done = () =>
      this.#completed === this.#sentAt.length && this.accepted.length === this.#sentAt.length && !mayGoOn();
    const giveUp = start + ms + ARRIVAL_LIMIT_MS;
    while (!done() && performance.now() < giveUp) await sleep(20);
    await sleep(SECOND_ARRIVAL_MS);
    this.#proceed = () => undefined;
    sender.close();
    for (const socket of this.#sockets) socket.close();
    this.#judge();
  }

  #judge(): void {
    const sent = this.#sentAt.length;
    if (this.accepted.length !== sent) this.faults.push(`${sent} sent, ${this.accepted.length} answered`);
    if (this.pushes !== sent * this.receivers) {
      this.faults.push(`${sent} messages made ${this.pushes} pushes to ${this.receivers} sockets`);
    }
    if (this.accepted.some((id, n) => id !== this.sequence[n])) {
      this.faults.push('the sockets got other messages than were accepted, or in another order');
    }
  }
}

export async function runFanout(task: FanoutTask): Promise<FanoutResult> {
  const rooms = task.rooms.map(({ receivers }, index) => new Room(task, index, receivers.length));
  const logins = task.rooms.flatMap(({ receivers }, index) => receivers.map((plan) => ({ plan, index })));
  while (logins.length > 0) {
    await Promise.all(
      logins.splice(0, LOGINS_AT_ONCE).map(async ({ plan, index }) => {
        rooms[index]?.addReceiver(await SocketConnection.login(plan));
      }),
    );
  }
  const senders = await Promise.all(task.rooms.map(({ sender }) => SocketConnection.login(sender)));
  const cpuBefore = task.pids.map(cpuMs);
  const start = performance.now();
  await Promise.all(rooms.map((room, index) => room.run(senders[index]!, task.rooms[index]!.sender, start)));
  return {
    ids: rooms.map((room) => room.accepted),
    pushes: rooms.reduce((sum, room) => sum + room.pushes, 0),
    ms: Math.max(...rooms.map((room) => room.lastPushAt)) - start,
    latencies: rooms.flatMap((room) => room.latencies).sort((a, b) => a - b),
    cpuMs: task.pids.map((pid, index) => cpuMs(pid) - (cpuBefore[index] ?? 0)),
    faults: rooms.flatMap((room) => room.faults),
  };
}
