import { type Answer } from '../../push/sockets/answer';
import { type Connection } from '../../push/sockets/connection';
import { TextFrame } from '../../push/sockets/text-frame';
import { messageOkFrame } from '../../views/frames';

/** The socket that sent a message: it gets `message_ok` in the message's place, and the push goes to the others. */
export class Origin {
  constructor(private readonly answer: Answer) {}

  /** Whether the message is still to be answered to this socket. (One whose time was over got an error, and then the push.) */
  isWaiting(connection: Connection): boolean {
    return connection === this.answer.connection && !this.answer.isGiven;
  }

  tell(sessionId: string, id: number, message: string): void {
    if (!this.answer.claim()) return;
    const { connection, ref } = this.answer;
    const frame = new TextFrame(messageOkFrame(message, ref));
    if (connection.watches(sessionId) && id > connection.lastId(sessionId))
      connection.pushMessage(sessionId, id, frame);
    else connection.send(frame);
  }
}
