/** A stored message, as far as these tests look into it. */
export interface StoredMessage {
  id: number;
  session_id: string;
  sender_id: string;
  content: unknown;
  client_msg_id: string | null;
}

export interface Member {
  id: string;
  type: 'doctor' | 'patient';
}

/** What most of these tests need of a server: the real one and the protocol server of this folder both offer it. */
export interface Backend {
  readonly port: number;
  /** Listens on the same port each time; what is stored stays. */
  start(): Promise<void>;
  /** Ends all connections (close code 1012) and stops listening. */
  stop(): Promise<void>;
  addSession(id: string, members: readonly Member[]): Promise<void>;
  token(user: Member): Promise<string>;
  /** Stores a text of that user and pushes it. Gives its id back. */
  post(sessionId: string, senderId: string, text: string): Promise<number>;
  /** The messages of the session, 200 at most, in id order. */
  stored(sessionId: string): Promise<StoredMessage[]>;
  /** Stops it and removes what it kept. */
  dispose(): Promise<void>;
}
