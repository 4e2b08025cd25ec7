import { createGetuiApi, type GetuiAnswer, type GetuiApiOptions, isPassing } from './getui-api';
import { type PushContent, pushBody, revokeBody } from './push-body';

export interface GetuiOptions extends Omit<GetuiApiOptions, 'timeoutMs'> {
  /** Merged into each push's `push_channel`. */
  pushOptions: Readonly<Record<string, unknown>>;
  timeoutMs?: number;
}

/** What has become of a call, and so what to do next. */
export type PushOutcome =
  /** Getui has it. `taskId` names it there; empty where Getui gave none. */
  | { result: 'sent'; taskId: string }
  /** Not now: the same call may be made again later. */
  | { result: 'retry'; reason: string }
  /** Getui does not know the device any more. */
  | { result: 'unknown device'; reason: string }
  /** Never: the same call would bring the same answer. */
  | { result: 'rejected'; reason: string };

/** Limit of each HTTP call. */
export const CALL_LIMIT_MS = 5_000;

/** Pushes to phones' apps. No method rejects. Each takes at most four HTTP calls' time limits. */
export interface Getui {
  push(content: PushContent): Promise<PushOutcome>;
  /** Takes a push back that Getui has sent. */
  revoke(clientId: string, requestId: string, taskId: string): Promise<PushOutcome>;
  /** Sets the number on the app's icon. */
  badge(clientId: string, count: number): Promise<PushOutcome>;
  /** Breaks off the calls under way; they end as `retry`. */
  close(): void;
}

const SENT = 0;
const TARGET_FAULT = 20001;
const UNKNOWN_TARGET = 'target user is invalid';

function outcomeOf(answer: GetuiAnswer): PushOutcome {
  if (!answer.ok) return { result: answer.isFinal === true ? 'rejected' : 'retry', reason: answer.reason };
  const { code, data, msg } = answer;
  if (code === SENT) return { result: 'sent', taskId: Object.keys(data ?? {})[0] ?? '' };
  if (isPassing(code)) return { result: 'retry', reason: `${code} ${msg}`.trim() };
  if (code === TARGET_FAULT && msg === UNKNOWN_TARGET)
    return { result: 'unknown device', reason: `${code} ${msg}` };
  return { result: 'rejected', reason: `${code} ${msg}`.trim() };
}

/**
 * A client for Getui's pushes to single devices: transport only, it keeps nothing but the access token.
 * https://docs.getui.com/getui/server/rest_v2/push/
 */
export function createGetui({ pushOptions, timeoutMs = CALL_LIMIT_MS, ...options }: GetuiOptions): Getui {
  const api = createGetuiApi({ ...options, timeoutMs });
  const post = async (path: string, body: unknown) => outcomeOf(await api.post(path, body));
  return {
    push: (content) => post('/push/single/cid', pushBody(content, pushOptions)),
    revoke: (clientId, requestId, taskId) =>
      post('/push/single/cid', revokeBody(clientId, requestId, taskId)),
    badge: (clientId, count) =>
      post(`/user/badge/cid/${encodeURIComponent(clientId)}`, { badge: String(count) }),
    close: () => api.close(),
  };
}
