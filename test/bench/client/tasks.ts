/** What a load client is asked to do and what it answers: plain data, since both cross a process border. */

export interface Account {
  /** Of the server that this user talks to, on 127.0.0.1. */
  port: number;
  userId: string;
  userType: 'doctor' | 'patient';
  token: string;
}

export interface SenderPlan extends Account {
  /** The backend's key instead of the token: whoever has it may send for anybody. */
  appKey?: string | undefined;
  /** The n-th message goes to the session at n modulo their number. */
  sessions: string[];
}

export interface ReceiverPlan extends Account {
  sessionId: string;
}

export interface SendTask {
  kind: 'send';
  door: 'rest' | 'socket';
  senders: SenderPlan[];
  receivers: ReceiverPlan[];
  /** Begins the contents and the client_msg_id of every message: unique in a database. */
  run: string;
  ms: number;
  maxMessages: number;
  /** Processes whose CPU time is wanted. */
  pids: number[];
}

/** Sends at a fixed rate whatever the server does, by REST; latencies count from the moment that a send was due. */
export interface PacedTask {
  kind: 'paced';
  senders: SenderPlan[];
  receivers: ReceiverPlan[];
  run: string;
  ratePerSecond: number;
  messages: number;
}

/** Every `send` and `paced` message is named `<run>-<sender's index>-<n>`; its content begins with that name and a blank. */
export interface SendResult {
  /** By sender and n: the message's id, 0 where it was not accepted. */
  ids: number[][];
  /** By receiver: the ids that came, in their order. */
  received: number[][];
  /** From the first send to the last answer. */
  ms: number;
  /** ms, one a message accepted, sorted. */
  latencies: number[];
  /** ms from a send being due to its arrival at a receiver, sorted; empty for `send`. */
  pushLatencies: number[];
  /** CPU time by process of `pids`, ms in the same time; empty for `paced`. */
  cpuMs: number[];
  faults: string[];
}

export interface FanoutTask {
  kind: 'fanout';
  rooms: { sender: ReceiverPlan; receivers: ReceiverPlan[] }[];
  run: string;
  /** Messages of a room that may be on their way at once. */
  window: number;
  ms: number;
  maxMessages: number;
  pids: number[];
}

export interface FanoutResult {
  /** By room: the ids of the accepted messages, in the order of the answers. */
  ids: number[][];
  /** Pushes that arrived. */
  pushes: number;
  /** From the first send to the last push. */
  ms: number;
  /** ms from a send to its arrival at the last of its room's sockets, sorted. */
  latencies: number[];
  /** CPU time by process of `pids`, ms. */
  cpuMs: number[];
  faults: string[];
}

/** Opens sockets and keeps them open until `release`. */
export interface HoldTask {
  kind: 'hold';
  accounts: ReceiverPlan[];
  /** Logins under way at once. */
  concurrency: number;
}

export interface HoldResult {
  open: number;
  faults: string[];
}

/** Gives what came to the held sockets, then closes them. */
export interface ReleaseTask {
  kind: 'release';
  /** Frames to wait for at most 5 s, over all sockets. */
  expected: number;
}

export interface ReleaseResult {
  /** By session: the ids that came. */
  received: Record<string, number[]>;
  closedEarly: number;
}

export interface ReadTask {
  kind: 'read';
  what: 'history' | 'unread' | 'list';
  port: number;
  /** One request each, in turn. For `list`: the first page; the others follow by cursor. */
  requests: { path: string; token: string }[];
  /** Items in the answer (`history`, `list`), or the count itself (`unread`). */
  expected: number;
  /** `unread_count` of every item of a `list`. */
  unreadEach: number;
  ms: number;
  maxRequests: number;
}

/** The same look into the tables without a server: one statement after the other over one connection. */
export interface LookupTask {
  kind: 'lookup';
  databaseUrl: string;
  sql: string;
  parameters: (string | number)[][];
  expectedRows: number;
  ms: number;
  maxRequests: number;
}

export interface ReadResult {
  /** ms, sorted */
  latencies: number[];
  faults: string[];
}

export interface Task {
  send: [SendTask, SendResult];
  paced: [PacedTask, SendResult];
  fanout: [FanoutTask, FanoutResult];
  hold: [HoldTask, HoldResult];
  release: [ReleaseTask, ReleaseResult];
  read: [ReadTask, ReadResult];
  lookup: [LookupTask, ReadResult];
}

export type AnyTask = Task[keyof Task][0];
export type ResultOf<T extends AnyTask> = Task[T['kind']][1];
