import { setTimeout as sleep } from 'node:timers/promises';
import { messageIdIn, SocketConnection } from './socket-connection';
import { type HoldResult, type HoldTask, type ReleaseResult, type ReleaseTask } from './tasks';

const ARRIVAL_LIMIT_MS = 5_000;
const SECOND_ARRIVAL_MS = 100;

const held: SocketConnection[] = [];
let received: Record<string, number[]> = {};
let frames = 0;
let closedEarly = 0;

/** Opens sockets that do nothing; see `runRelease`. */
export async function runHold({ accounts, concurrency }: HoldTask): Promise<HoldResult> {
  const faults: string[] = [];
  const waiting = [...accounts];
  const worker = async () => {
    for (let plan = waiting.pop(); plan !== undefined; plan = waiting.pop()) {
      const { sessionId } = plan;
      try {
        const socket = await SocketConnection.login(plan);
        socket.onClose = () => {
          closedEarly += 1;
        };
        socket.onFrame = (type, bytes) => {
          if (type !== 'message') return;
          frames += 1;
          (received[sessionId] ??= []).push(messageIdIn(bytes));
        };
        held.push(socket);
      } catch (error) {
        faults.push((error as Error).message);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return { open: held.length, faults };
}

export async function runRelease({ expected }: ReleaseTask): Promise<ReleaseResult> {
  const giveUp = Date.now() + ARRIVAL_LIMIT_MS;
  while (frames < expected && Date.now() < giveUp) await sleep(10);
  if (expected > 0) await sleep(SECOND_ARRIVAL_MS);
  const result = { received, closedEarly };
  for (const socket of held.splice(0)) socket.close();
  received = {};
  frames = 0;
  closedEarly = 0;
  return result;
}
