import { type Connection } from '../../push/sockets/connection';

/** `typing` is passed on twice a second at most. */
const EVERY_MS = 500;

interface Passed {
  /** ms of the monotonic clock */
  at: number;
  /** Passes on what came meanwhile, when the time is over. */
  timer?: NodeJS.Timeout | undefined;
}

const passed = new WeakMap<Connection, Map<string, Passed>>();

/**
 * Passes on that a socket's user is typing in a session, or no more: now, or as soon as it may be. Of what comes meanwhile the
 * last counts.
 */
export function passOnTyping(connection: Connection, sessionId: string, pass: () => void): void {
  const bySession = passed.get(connection) ?? new Map<string, Passed>();
  passed.set(connection, bySession);
  const last = bySession.get(sessionId) ?? { at: -EVERY_MS };
  bySession.set(sessionId, last);
  const now = performance.now();
  clearTimeout(last.timer);
  const passNow = () => {
    last.at = performance.now();
    pass();
  };
  const wait = last.at + EVERY_MS - now;
  if (wait <= 0) passNow();
  else last.timer = setTimeout(passNow, wait).unref();
}
