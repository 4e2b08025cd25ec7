import { forbidden } from '../../errors';
import { type ContentSource, type MessageInput } from '../../model/values/message-content';
import { type Principal } from '../access/tokens';
import { type Origin } from '../delivery/origin';
import { type Services } from '../services';
import { type Sent } from './send';

export interface SendInput {
  sessionId: string;
  senderId?: string | undefined;
  message: MessageInput;
  source?: ContentSource | undefined;
  clientMsgId?: string | undefined;
  replyTo?: number | undefined;
  /** The socket that sends; see `Origin`. */
  origin?: Origin | undefined;
}

/**
 * Sends one message, for REST and sockets alike.
 * @throws AppError `forbidden` for another's `sender_id`, `rate_limited`, and what `Writer.submit` throws
 */
export async function sendMessage(
  { metrics, rate, writer }: Pick<Services, 'metrics' | 'rate' | 'writer'>,
  principal: Principal,
  input: SendInput,
): Promise<Sent> {
  let senderId = input.senderId ?? null;
  if (principal.kind === 'user') {
    if (senderId !== null && senderId !== principal.id) throw forbidden('A user sends as nobody but itself.');
    senderId = principal.id;
    rate.take(principal.id);
  }
  const since = performance.now();
  const sent = await writer.submit({
    sessionId: input.sessionId,
    senderId,
    byBackend: principal.kind === 'backend',
    message: input.message,
    source: input.source,
    clientMsgId: input.clientMsgId ?? null,
    replyTo: input.replyTo,
    origin: input.origin,
  });
  metrics.sendSeconds.observe((performance.now() - since) / 1000);
  return sent;
}
