import { type Sockets } from './sockets';

/** Who is connected, in any process. */
export interface Presence {
  /** Whether the user has any socket. */
  isOnline(userId: string): boolean;
  /** Whether the user has a socket that is bound to the session. */
  isBound(sessionId: string, userId: string): boolean;
}

/** The presence of a server that is one process. */
export function localPresence(sockets: Sockets): Presence {
  return {
    isOnline: (userId) => sockets.isOnline(userId),
    isBound: (sessionId, userId) => sockets.isBound(sessionId, userId),
  };
}
