import should from 'should';
import { planNotices, type Receiver } from '../../src/commands/notices/notice-plan';
import { type PlannedNotice } from '../../src/model/written-notices';

const ACK_MS = 10_000;

/** `now` or `later`, by which way, and whether WeChat takes over from it. */
function shortly({ channel, clientId, delayMs, state, wechatFollows }: PlannedNotice): string {
  const time = delayMs === 0 ? 'now' : delayMs === ACK_MS ? 'later' : String(delayMs);
  const parts = [channel, clientId, state === 'skipped' ? 'skipped' : time];
  return [...parts, wechatFollows ? 'then WeChat' : null].filter((part) => part !== null).join(' ');
}

type Case = [what: string, receiver: Partial<Receiver>, wechat: boolean, expected: string[]];

const LOOKS = { hears: true, looksAt: true };
const ASLEEP = { hears: true, looksAt: false };

const CASES: Case[] = [
  // A patient without a phone's app, or with Getui off (then no devices are read): as before.
  ['a patient with no socket there', {}, true, ['wechat now']],
  ['a patient with a socket bound there', LOOKS, true, ['wechat later']],
  ['a patient with no socket there, WeChat off', {}, false, ['wechat skipped']],
  ['a patient with a socket bound there, WeChat off', LOOKS, false, ['wechat later']],
  // A patient with the app.
  ['a patient with a phone', { devices: ['a'] }, true, ['getui a now then WeChat']],
  [
    'a patient with two phones',
    { devices: ['a', 'b'] },
    true,
    ['getui a now then WeChat', 'getui b now then WeChat'],
  ],
  [
    'a patient with a phone and a socket there',
    { ...LOOKS, devices: ['a'] },
    true,
    ['getui a later then WeChat'],
  ],
  [
    'a patient whose phone is in the background',
    { ...ASLEEP, devices: ['a'] },
    true,
    ['getui a now then WeChat'],
  ],
  ['a patient with a phone, WeChat off', { devices: ['a'] }, false, ['getui a now']],
  // Doctors.
  ['a doctor without a phone', { type: 'doctor' }, true, []],
  ['a doctor without a phone, with a socket', { ...LOOKS, type: 'doctor' }, true, []],
  ['a doctor with a phone', { type: 'doctor', devices: ['a'] }, true, ['getui a now']],
  [
    'a doctor with a phone, with a socket there',
    { ...LOOKS, type: 'doctor', devices: ['a'] },
    true,
    ['getui a later'],
  ],
  [
    'a doctor whose phone is in the background',
    { ...ASLEEP, type: 'doctor', devices: ['a'] },
    true,
    ['getui a now'],
  ],
  // A call's invitation.
  ['a call for a patient with no socket there', { occasion: 'call' }, true, ['wechat now']],
  ['a call for a patient with no socket there, WeChat off', { occasion: 'call' }, false, ['wechat skipped']],
  ['a call for a patient who is rung', { ...LOOKS, occasion: 'call' }, true, []],
  ['a call for a patient with a phone', { occasion: 'call', devices: ['a'] }, true, ['getui a now']],
  [
    'a call for a patient with a phone who is rung',
    { ...ASLEEP, occasion: 'call', devices: ['a'] },
    true,
    [],
  ],
  [
    'a call for a doctor with a phone',
    { occasion: 'call', type: 'doctor', devices: ['a'] },
    true,
    ['getui a now'],
  ],
  ['a call for a doctor without a phone', { occasion: 'call', type: 'doctor' }, true, []],
  [
    'a call for a doctor who is rung',
    { ...LOOKS, occasion: 'call', type: 'doctor', devices: ['a'] },
    true,
    [],
  ],
];

describe('Who gets what', () => {
  for (const [what, receiver, wechat, expected] of CASES) {
    it(`${what}: ${expected.join(', ') || 'nothing'}`, () => {
      const away: Receiver = {
        type: 'patient',
        occasion: 'message',
        hears: false,
        looksAt: false,
        devices: [],
      };
      const planned = planNotices({ ...away, ...receiver }, { wechat, ackMs: ACK_MS });
      should(planned.map(shortly)).eql(expected);
    });
  }
});
