import { type SessionRow } from '../db/schema';
import { toIso } from '../db/time';
import { type Participant } from '../model/participants';
import { contentJson } from './content';
import { type FileView } from './file';
import { RawJson } from './message';

/** The wire form of a session. */
export function sessionView(row: SessionRow, files: FileView) {
  return {
    id: row.id,
    type: row.type,
    name: row.name,
    business_type: row.business_type,
    status: row.status,
    create_date: toIso(row.create_date),
    last_sender_id: row.last_sender_id,
    last_sender_name: row.last_sender_name,
    last_content_type: row.last_content_type,
    last_content:
      row.last_content === null
        ? null
        : new RawJson(contentJson(row.last_content_type, row.last_content, files)),
    last_message_time: row.last_message_time === null ? null : toIso(row.last_message_time),
  };
}

/** The wire form of a participant. */
export function participantView(participant: Participant) {
  return {
    id: participant.participant_id,
    type: participant.type,
    name: participant.name,
    avatar: participant.avatar,
    role: participant.role,
    last_fetch_time: toIso(participant.last_fetch_time),
  };
}
