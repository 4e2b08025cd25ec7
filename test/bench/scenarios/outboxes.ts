import { FakeGetui } from '../../support/fake-getui';
import { WebhookReceiver } from '../../support/webhook-receiver';
import { type Bench, bothSides, type Scenario } from '../scenario';
import { serverParty } from './parties';
import { measureSend, type SendCase } from './send';

/** What the platform or a phone is told of every message, and by whom. */
interface Outbox {
  title: string;
  /** Starts the other side. */
  open: (bench: Bench) => Promise<Record<string, string>>;
  /** Whether everybody has a phone. */
  hasPhones: boolean;
}

const OUTBOXES: readonly Outbox[] = [
  {
    title: 'webhooks',
    hasPhones: false,
    open: async (bench) => {
      const receiver = await WebhookReceiver.start();
      bench.onEnd(() => receiver.stop());
      return receiver.settings;
    },
  },
  {
    title: 'pushes',
    hasPhones: true,
    open: async (bench) => {
      const getui = await FakeGetui.start();
      bench.onEnd(() => getui.stop());
      return getui.settings;
    },
  },
];

/** What a send costs where the platform hears of it by a webhook, or a phone rings, beside the same server without. */
export const outboxes: Scenario = async (bench) => {
  const { doctors, rounds, seconds, warmSeconds } = bench.sizes;
  const { database, report } = bench;
  const client = bench.client();
  const each: SendCase = { door: 'rest', sessions: 'many', senders: doctors };
  const plain = await serverParty(bench);
  for (const { hasPhones, open, title } of OUTBOXES) {
    const party = await serverParty(bench, { settings: await open(bench), hasPhones });
    if (warmSeconds > 0)
      for (const side of [party, plain]) await measureSend(bench, client, side, each, warmSeconds);
    for (let round = 0; round < rounds; round += 1) {
      const [own, other] = await bothSides(
        round,
        () => measureSend(bench, client, party, each, seconds),
        () => measureSend(bench, client, plain, each, seconds),
      );
      bench.say(
        `with ${title}: ${own.perSecond.toFixed(0)}/s, ${own.cpuMsPerThousand.toFixed(0)} ms CPU a 1,000; without ${other.perSecond.toFixed(0)}/s, ${other.cpuMsPerThousand.toFixed(0)} ms`,
      );
      const common = {
        scenario: `outboxes (${database.name})`,
        title: `a send with ${title}`,
        against: 'none',
      };
      report.add({ ...common, unit: 'messages/s' }, own.perSecond, other.perSecond);
      report.add({ ...common, unit: 'CPU ms/1,000' }, own.cpuMsPerThousand, other.cpuMsPerThousand);
    }
    await party.server.stop();
  }
};
