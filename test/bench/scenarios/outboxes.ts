import { FakeGetui } from '../../support/fake-getui';
import { WebhookReceiver } from '../../support/webhook-receiver';
import { bothSides, type Scenario } from '../scenario';
import { serverParty } from './parties';
import { measureSend, type SendCase } from './send';

/** Whom every message is told, and whether everybody has a phone. */
const OUTBOXES = [
  { title: 'webhooks', hasPhones: false, start: () => WebhookReceiver.start() },
  { title: 'pushes', hasPhones: true, start: () => FakeGetui.start() },
];

/** What a send costs where the platform hears of it by a webhook, or a phone rings, beside the same server without. */
export const outboxes: Scenario = async (bench) => {
  const { doctors, rounds, seconds, warmSeconds } = bench.sizes;
  const { database, report } = bench;
  const client = bench.client();
  const each: SendCase = { door: 'rest', sessions: 'many', senders: doctors };
  const plain = await serverParty(bench);
  for (const { hasPhones, start, title } of OUTBOXES) {
    const told = await start();
    bench.onEnd(() => told.stop());
    const party = await serverParty(bench, { settings: told.settings, hasPhones });
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
