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
      /** Their ids, where they are few enough to be told with each message. */
      members?: string[] | undefined;
      /** the message's wire form, JSON text */
      message: string;
      /** The session's latest recall when it was stored: whoever does not know that one has missed it. */
      lastRecallId: number;
    }
  | {
      /** A message was taken back. */
      kind: 'recall';
      sessionId: string;
      /** They count from 1 in each session, so the one before it is known. */
      id: number;
      messageId: number;
      /** The session's newest message when this one was taken back: all up to it were committed before. */
      lastMessageId: number;
      /** what is left of the message, its wire form, JSON text */
      message: string;
      /** the `recall` frame, JSON text */
      frame: string;
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
  /** A frame for one socket, wherever it is; not where it hears of this session and so gets the frame anyway. */
  | { kind: 'socket-event'; connectionId: string; frame: string; unlessHears?: string | undefined }
  /** Somebody waits for this socket's place: its process is to look whether the peer is still there. */
  | { kind: 'socket-check'; connectionId: string }
  /** There is this message in the session, whether or not it was told of. */
  | { kind: 'newest'; sessionId: string; id: number }
  /** Tokens of the user are revoked: one, or all of the generations before this one. */
  | { kind: 'revoked'; userId: string; tokenId?: string | undefined; before?: number | undefined }
  /** The phone that this token of the user's named has come to the front, or left it. */
  | { kind: 'background'; userId: string; tokenId: string; inBackground: boolean }
  /** A user's profile has changed. */
  | { kind: 'profile'; userId: string }
  /** The process that gets it tells the one that sent it everything about its own presence. */
  | { kind: 'presence-ask' }
  | {
      /** Who has come to a process and who has gone. */
      kind: 'presence';
      /** A user's id: the user is connected; `<session> <user>`: connected to that session (`~` before it: all in the background). */
      added: string[];
      removed: string[];
      /** Set when this is (a part of) all there is; what comes after the last part adds to it. */
      whole?: 'part' | 'last';
    };

export interface BusListener {
  /** An event of the process `from`, in the order in which that one published. Must not throw. */
  event(event: BusEvent, from: string): void;
  /**
   * Events were missed, or may have been: of one process, or, without `from`, of any. Called when they arrive again, and
   * when a process is met that has published before.
   */
  missed(from?: string): void;
  /** Nothing was heard of the process for so long that it is taken for dead. */
  gone(from: string): void;
}

export interface Bus {
  /** Where it runs, without a password: for the log. */
  readonly description: string;
  /** Whether other processes can be there at all. */
  readonly shared: boolean;
  /** Whether events arrive now. While they don't, caches are trusted for a few seconds only. */
  readonly healthy: boolean;
  /**
   * Tells the other processes, or the one named. Never throws and never waits: what can't be sent is lost, and once the
   * bus works again the others are told that they missed something.
   */
  publish(event: BusEvent, to?: string): void;
  /**
   * Resolves when the other processes that are known have handled all that was published so far, or are gone; after `limitMs` in any
   * case, and at once while the bus is away.
   */
  heard(limitMs: number): Promise<void>;
  /** Tells `listener` of the other processes from now on. */
  listen(listener: Partial<BusListener>): void;
  /** Resolves when the bus works and the other processes are known, or after some seconds without. Never rejects. */
  start(): Promise<void>;
  /** @throws when the bus is away, within a second or so */
  ping(): Promise<void>;
  /** Sends what waits and ends the connections. */
  close(): Promise<void>;
}
