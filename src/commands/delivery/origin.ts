import { type Connection } from '../../push/sockets/connection';
import { TextFrame } from '../../push/sockets/text-frame';
import { messageOkFrame } from '../../views/frames';

/** The socket that sent a message: it gets `message_ok` in the message's place, and the push goes to the others. */
export class Origin {
  #answered = false;

  constructor(
    readonly connection: Connection,
    private readonly ref: string | undefined,
  ) {}

  answer(sessionId: string, id: number, message: string): void {
    if (this.#answered) return;
    this.#answered = true;
    const frame = new TextFrame(messageOkFrame(message, this.ref));
    if (this.connection.watches(sessionId) && id > this.connection.lastId(sessionId)) {
      this.connection.pushMessage(sessionId, id, frame);
    } else {
      this.connection.send(frame);
    }
  }
}
