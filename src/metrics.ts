import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Every value that a label takes. */
export const LABELS = {
  table: ['system_messages', 'muc_messages', 'p2p_messages', 'group_messages'],
  userType: ['doctor', 'patient'],
  result: ['sent', 'dropped'],
  class: ['2xx', '3xx', '4xx', '5xx'],
  channel: ['wechat', 'getui'],
  state: ['delivered', 'sent', 'skipped', 'failed'],
  eventState: ['sent', 'failed'],
} as const;

export type Metrics = ReturnType<typeof createMetrics>;

/** The process's figures for Prometheus; a registry of its own, so that two servers in one process don't mix theirs. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const metrics = {
    registry,
    messages: new Counter({
      name: 'im_messages_total',
      help: 'Messages stored by this process, by table',
      labelNames: ['table'],
      registers,
    }),
    sockets: new Gauge({
      name: 'im_sockets',
      help: 'Sockets that are logged in to this process, by type of user',
      labelNames: ['user_type'],
      registers,
    }),
    pushes: new Counter({
      name: 'im_push_total',
      help: 'Messages pushed to sockets of this process: sent, or dropped with a socket that does not read',
      labelNames: ['result'],
      registers,
    }),
    notices: new Counter({
      name: 'im_notices_total',
      help: 'Notices to people who are away that this process brought into a final state, by channel',
      labelNames: ['channel', 'state'],
      registers,
    }),
    noticesWaiting: new Gauge({
      name: 'im_notices_waiting',
      help: 'Notices that are pending, over the whole database, by channel',
      labelNames: ['channel'],
      registers,
    }),
    files: new Counter({
      name: 'im_files_total',
      help: 'Files that were uploaded through this process',
      registers,
    }),
    fileBytes: new Counter({
      name: 'im_file_bytes_total',
      help: 'Bytes of the files that were uploaded through this process, as they are kept',
      registers,
    }),
    events: new Counter({
      name: 'im_webhook_events_total',
      help: 'Webhook events that this process brought into a final state',
      labelNames: ['state'],
      registers,
    }),
    responses: new Counter({
      name: 'im_http_responses_total',
      help: 'HTTP answers of this process, by class of status',
      labelNames: ['class'],
      registers,
    }),
    sendSeconds: new Histogram({
      name: 'im_send_seconds',
      help: 'Seconds from a message being accepted to its commit',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    topicsWaiting: new Gauge({
      name: 'im_topics_waiting',
      help: 'Open topics that no doctor has replied to, over the whole database',
      registers,
    }),
    firstReplySeconds: new Histogram({
      name: 'im_first_reply_seconds',
      help: "Seconds from a topic's start to its first reply, of replies that this process stored",
      buckets: [60, 300, 600, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400, 172_800, 604_800],
      registers,
    }),
    /** The process's own: CPU, memory, event loop. Starts a timer, so it is for a server that runs, not for one under test. */
    collectProcess: () => collectDefaultMetrics({ register: registry }),
  };
  // What has not happened yet counts 0: a series that begins with its first event hides that event from rate().
  for (const table of LABELS.table) metrics.messages.inc({ table }, 0);
  for (const result of LABELS.result) metrics.pushes.inc({ result }, 0);
  for (const channel of LABELS.channel) {
    for (const state of LABELS.state) metrics.notices.inc({ channel, state }, 0);
    metrics.noticesWaiting.set({ channel }, 0);
  }
  for (const state of LABELS.eventState) metrics.events.inc({ state }, 0);
  for (const each of LABELS.class) metrics.responses.inc({ class: each }, 0);
  for (const userType of LABELS.userType) metrics.sockets.set({ user_type: userType }, 0);
  return metrics;
}
