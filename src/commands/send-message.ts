import { forbidden } from '../errors';
import { type MessageInput } from '../model/message-content';
import { type Services } from './services';
import { type Principal } from './tokens';
import { type Sent } from './sending';

export interface SendInput {
  sessionId: string;
  senderId?: string | undefined;
  message: MessageInput;
  clientMsgId?: string | undefined;
  /** The socket that sends; see `Origin`. */
  origin?: unknown;
}

/**
 * Sends one message, for REST and sockets alike.
 * @throws AppError `forbidden` for another's `sender_id`, `rate_limited`, and what `Writer.submit` throws
 */
export async function sendMessage(services: Services, principal: Principal, input: SendInput): Promise<Sent> {
  let senderId = input.senderId ?? null;
  if (principal.kind === 'user') {
    if (senderId !== null && senderId !== principal.id) {
      throw forbidden('A user sends as nobody but itself.');
    }
    senderId = principal.id;
    services.rate.take(principal.id);
  }
  const since = performance.now();
  const sent = await services.writers.submit({
    sessionId: input.sessionId,
    senderId,
    byBackend: principal.kind === 'backend',
    message: input.message,
    clientMsgId: input.clientMsgId ?? null,
    origin: input.origin,
  });
  services.metrics.sendSeconds.observe((performance.now() - since) / 1000);
  if (senderId !== null) services.activity.touch(senderId);
  return sent;
}
