import { credentials, requestText } from './http-connection';
import { type SenderPlan } from './tasks';

const CONTENT_BYTES = 300;
/** What is written in this product: Chinese, up to three bytes a character. */
const TEXT = '您好,今天的血压是多少?请按时服药,注意休息,少吃盐和油腻的食物,有不舒服的时候随时告诉我。'.repeat(
  4,
);
const CHARACTER_BYTES = 3;

/** The n-th message of a sender: its name, the session that it goes to, and its content of 300 bytes. */
export interface BenchMessage {
  name: string;
  session: string;
  content: string;
}

export function messageOf(run: string, sender: SenderPlan, index: number, n: number): BenchMessage {
  const name = `${run}-${index}-${n}`;
  const session = sender.sessions[n % sender.sessions.length]!;
  const characters = Math.floor((CONTENT_BYTES - name.length - 1) / CHARACTER_BYTES);
  const text = TEXT.slice(0, characters);
  const content = `${name} ${text}`;
  return { name, session, content: content + '.'.repeat(CONTENT_BYTES - Buffer.byteLength(content)) };
}

/** The POST of a message. */
export function sendRequest(sender: SenderPlan, { content, name, session }: BenchMessage): string {
  return requestText(
    'POST',
    `/api/v2/sessions/${session}/messages`,
    credentials(sender),
    JSON.stringify({ sender_id: sender.userId, type: 1, content, client_msg_id: name }),
  );
}

/** The same message as a frame. */
export function sendFrame({ content, name, session }: BenchMessage): string {
  return JSON.stringify({
    type: 'message',
    data: { session_id: session, type: 1, content, client_msg_id: name },
    ref: name,
  });
}

/** The id that begins a message's JSON. */
export function idInBody(body: string): number {
  return Number(/^\{"id":(\d+)/.exec(body)?.[1] ?? 0);
}
