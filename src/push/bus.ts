/**
 * What processes tell each other. Delivery is best effort: whoever handles an event must heal by itself when one is
 * missing, late or doubled (messages carry the id before them; caches have an age).
 */
export type BusEvent =
  | {
      kind: 'message';
      sessionId: string;
      sessionType: number;
      id: number;
      previousId: number;
      senderId: string;
      /** Which list of participants it goes to. */
      membersVersion: number;
      /** the message's wire form, JSON text */
      message: string;
    }
  | {
      /** A frame for the sockets that hear of a session. */
      kind: 'session-event';
      sessionId: string;
      /** the frame, JSON text */
      frame: string;
      /** No socket of this user gets it. */
      exceptUser?: string | undefined;
    }
  | {
      kind: 'members';
      sessionId: string;
      added: { id: string; type: 'doctor' | 'patient' }[];
      removed: string[];
      lastMessageId: number;
      /** the `participants` frame, JSON text */
      frame: string;
    }
  /** A frame for some users' sockets: those bound to the session and unbound ones. */
  | { kind: 'user-event'; sessionId: string; userIds: string[]; frame: string }
  /** A frame for one socket, wherever it is. */
  | { kind: 'socket-event'; connectionId: string; frame: string }
  /** Tokens are revoked: one, or, without `tokenId`, all that the user has. */
  | { kind: 'revoked'; userId: string; tokenId?: string | undefined }
  /** A user's profile has changed. */
  | { kind: 'profile'; userId: string };

export interface Bus {
  /** Where it runs, without a password: for the log. */
  readonly description: string;
  /** Whether other processes can be there at all. */
  readonly shared: boolean;
  /** Whether events arrive now. While they don't, caches are trusted for a few seconds only. */
  readonly healthy: boolean;
  /** Tells the other processes. Never throws and never waits: what can't be sent is lost. */
  publish(event: BusEvent): void;
  /** Calls `handler` for every event of another process, in the order in which that one published. */
  subscribe(handler: (event: BusEvent) => void): void;
  ping(): Promise<void>;
  close(): Promise<void>;
}
