import { runFanout } from './fanout';
import { runHold, runRelease } from './hold';
import { runPaced } from './paced';
import { runLookup, runRead } from './reads';
import { runSend } from './send';
import { type AnyTask } from './tasks';

/** The process that makes the load: it does one task after the other, as its parent asks for them, and ends with it. */

async function perform(task: AnyTask): Promise<unknown> {
  switch (task.kind) {
    case 'send':
      return runSend(task);
    case 'paced':
      return runPaced(task);
    case 'fanout':
      return runFanout(task);
    case 'hold':
      return runHold(task);
    case 'release':
      return runRelease(task);
    case 'read':
      return runRead(task);
    case 'lookup':
      return runLookup(task);
  }
}

process.on('message', (task: AnyTask) => {
  perform(task).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
