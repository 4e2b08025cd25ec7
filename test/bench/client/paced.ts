import { acceptedBySession, Receivers } from './receivers';
import { openRestSender } from './senders';
import { type PacedTask, type SendResult } from './tasks';

const LEAD_MS = 50;

/**
 * Offers messages at a fixed rate, whether or not the earlier ones were answered: a send that has to wait for its
 * connection has waited since it was due, and that is counted (no coordinated omission).
 */
export async function runPaced(task: PacedTask): Promise<SendResult> {
  const { messages, run } = task;
  const interval = 1000 / task.ratePerSecond;
  const width = task.senders.length;
  const pushLatencies: number[] = [];
  let start = Infinity;
  const dueAt = (message: number) => start + message * interval;

  const name = new RegExp(`"content":"${run}-(\\d+)-(\\d+) `);
  const receivers = await Receivers.open(task.receivers, (bytes) => {
    const match = name.exec(bytes.toString('latin1'));
    if (match !== null)
      pushLatencies.push(performance.now() - dueAt(Number(match[1]) + Number(match[2]) * width));
  });
  const senders = await Promise.all(task.senders.map((plan, index) => openRestSender(run, plan, index)));
  const ids: number[][] = senders.map(() => []);
  const latencies: number[] = [];
  const faults: string[] = [];

  // A sender's messages go one after the other, each as soon as it is due and the one before it is answered.
  const chains: Promise<void>[] = senders.map(() => Promise.resolve());
  const offer = (message: number) => {
    const index = message % width;
    const n = Math.floor(message / width);
    chains[index] = chains[index]!.then(async () => {
      try {
        const id = (await senders[index]?.send(n)) ?? 0;
        latencies.push(performance.now() - dueAt(message));
        ids[index]?.push(id);
      } catch (error) {
        ids[index]?.push(0);
        faults.push((error as Error).message);
      }
    });
  };

  start = performance.now() + LEAD_MS;
  await new Promise<void>((resolve) => {
    let next = 0;
    const tick = () => {
      const now = performance.now();
      while (next < messages && dueAt(next) <= now) offer(next++);
      if (next < messages) setTimeout(tick, 1);
      else resolve();
    };
    tick();
  });
  await Promise.all(chains);
  const ms = performance.now() - start;

  await receivers.finish(acceptedBySession(task.senders, ids, task.receivers));
  for (const sender of senders) sender.close();
  return {
    ids,
    received: receivers.received,
    ms,
    latencies: latencies.sort((a, b) => a - b),
    pushLatencies: pushLatencies.sort((a, b) => a - b),
    cpuMs: [],
    faults: [...faults, ...receivers.faults],
  };
}
