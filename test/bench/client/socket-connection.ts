import { WebSocket } from 'ws';
import { type ReceiverPlan } from './tasks';

const LOGIN_LIMIT_MS = 20_000;
/** As the SDK does: what arrives in a short while is acknowledged together. */
const ACK_DELAY_MS = 200;
const TYPE_START = '{"type":"'.length;
const QUOTE = 0x22;
const ID_FIELD = Buffer.from('"id":');

/** A frame's `type`, without parsing the rest: every server here writes it first. */
export function frameType(bytes: Buffer): string {
  return bytes.toString('latin1', TYPE_START, bytes.indexOf(QUOTE, TYPE_START));
}

/** The id of the message in a `message` or `message_ok` frame: the first field of that name. */
export function messageIdIn(bytes: Buffer): number {
  const start = bytes.indexOf(ID_FIELD) + ID_FIELD.length;
  let id = 0;
  for (let index = start; index < bytes.length; index += 1) {
    const digit = (bytes[index] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) break;
    id = id * 10 + digit;
  }
  return id;
}

/** A WebSocket that is logged in and bound to a session; a patient's acknowledges what arrives. */
export class SocketConnection {
  /** Called for every frame after the login. */
  onFrame: (type: string, bytes: Buffer) => void = () => undefined;
  onClose: () => void = () => undefined;
  #ackTimer: NodeJS.Timeout | undefined;
  #newestId = 0;

  private constructor(
    private readonly ws: WebSocket,
    private readonly acknowledges: boolean,
  ) {}

  /** @throws when the login is refused or takes more than 20 s */
  static login(plan: ReceiverPlan): Promise<SocketConnection> {
    return new Promise((resolve, reject) => {
      const ws = new WebSocket(`ws://127.0.0.1:${plan.port}/ws`, {
        perMessageDeflate: false,
        skipUTF8Validation: true,
      });
      const connection = new SocketConnection(ws, plan.userType === 'patient');
      const timer = setTimeout(() => {
        ws.terminate();
        reject(new Error(`no answer to a login in ${LOGIN_LIMIT_MS} ms`));
      }, LOGIN_LIMIT_MS);
      ws.on('error', reject);
      ws.on('close', (code) => {
        clearTimeout(timer);
        clearTimeout(connection.#ackTimer);
        reject(new Error(`the socket was closed with ${code}`));
        connection.onClose();
      });
      ws.on('open', () => {
        ws.send(
          JSON.stringify({
            type: 'login',
            data: {
              token: plan.token,
              session_id: plan.sessionId,
              user_type: plan.userType,
              user_id: plan.userId,
            },
          }),
        );
      });
      ws.on('message', (bytes: Buffer) => {
        const type = frameType(bytes);
        if (type === 'login_ok') {
          clearTimeout(timer);
          resolve(connection);
          return;
        }
        if (type === 'message' && connection.acknowledges) connection.#acknowledgeSoon(messageIdIn(bytes));
        connection.onFrame(type, bytes);
      });
    });
  }

  send(text: string): void {
    this.ws.send(text);
  }

  close(): void {
    this.onClose = () => undefined;
    clearTimeout(this.#ackTimer);
    this.ws.terminate();
  }

  #acknowledgeSoon(id: number): void {
    this.#newestId = Math.max(this.#newestId, id);
    this.#ackTimer ??= setTimeout(() => {
      this.#ackTimer = undefined;
      if (this.ws.readyState === WebSocket.OPEN) {
        this.ws.send(JSON.stringify({ type: 'ack', data: { message_id: this.#newestId } }));
      }
    }, ACK_DELAY_MS);
  }
}
