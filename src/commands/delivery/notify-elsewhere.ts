import { type Sockets, type UserIds } from '../../push/sockets/sockets';
import { TextFrame } from '../../push/sockets/text-frame';
import { notificationFrame } from '../../views/frames';

/** Sockets that participants have in other sessions learn that there is a new message in this one. */
export function notifyElsewhere(
  sockets: Sockets,
  sessionId: string,
  senderId: string,
  message: string,
  members: UserIds,
): void {
  let frame: TextFrame | undefined;
  for (const member of sockets.onlineOf(members)) {
    if (member === senderId) continue;
    for (const connection of sockets.ofUser(member)) {
      if (!connection.bound || connection.sessionId === sessionId) continue;
      frame ??= new TextFrame(notificationFrame(sessionId, message));
      connection.pushEvent(frame);
    }
  }
}
