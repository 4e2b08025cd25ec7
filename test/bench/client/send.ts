import { cpuMs } from '../process-usage';
import { acceptedBySession, Receivers } from './receivers';
import { openRestSender, openSocketSender, type Sender } from './senders';
import { type SendResult, type SendTask } from './tasks';

/** Faults of one kind come by the thousand: a sender stops at its third. */
const FAULTS_A_SENDER = 3;

/** Every sender sends its next message as soon as the last one is answered. */
export async function runSend(task: SendTask): Promise<SendResult> {
  const open = task.door === 'rest' ? openRestSender : openSocketSender;
  const receivers = await Receivers.open(task.receivers);
  const senders = await Promise.all(task.senders.map((plan, index) => open(task.run, plan, index)));
  const ids: number[][] = senders.map(() => []);
  const latencies: number[] = [];
  const faults: string[] = [];
  const cpuBefore = task.pids.map(cpuMs);
  const start = performance.now();
  const end = start + task.ms;
  let left = task.maxMessages;

  const loop = async (sender: Sender, own: number[]) => {
    let failed = 0;
    while (failed < FAULTS_A_SENDER && left > 0) {
      const since = performance.now();
      if (since >= end) return;
      left -= 1;
      try {
        own.push(await sender.send(own.length));
        latencies.push(performance.now() - since);
      } catch (error) {
        own.push(0);
        faults.push((error as Error).message);
        failed += 1;
      }
    }
  };
  await Promise.all(senders.map((sender, index) => loop(sender, ids[index]!)));
  const ms = performance.now() - start;
  const cpuAfter = task.pids.map(cpuMs);

  await receivers.finish(acceptedBySession(task.senders, ids, task.receivers));
  for (const sender of senders) sender.close();
  return {
    ids,
    received: receivers.received,
    ms,
    latencies: latencies.sort((a, b) => a - b),
    pushLatencies: [],
    cpuMs: cpuAfter.map((used, index) => used - (cpuBefore[index] ?? 0)),
    faults: [...faults, ...receivers.faults],
  };
}
