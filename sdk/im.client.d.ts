/**
 * Types of the global `IMClient` that the script `/sdk/im.client.js` defines. Reference this file, or copy it
 * beside the page's sources; it needs neither jQuery's types nor a module loader. What each call does and
 * promises: doc/sdk.md.
 */
declare class IMClient {
  static readonly version: string;

  constructor(options: IMClient.Options);

  readonly baseUrl: string;
  /** As given; after the first login the server's word. */
  readonly userId: string | undefined;
  readonly userType: IMClient.UserType | undefined;
  /** Null: an unbound doctor, who hears all sessions. */
  readonly sessionId: string | null;

  /** Connects, and stays connected until `close()` or a close that no repeat cures. */
  connect(): this;
  /** Ends the connection, rejects what is pending with the code `closed`, and fires `close`. */
  close(): this;

  on<E extends IMClient.EventName>(event: E, fn: (data: IMClient.Events[E]) => void): this;
  /** Without `fn`: all handlers of the event. */
  off<E extends IMClient.EventName>(event: E, fn?: (data: IMClient.Events[E]) => void): this;

  /** A new token, for all that follows. After 4401 it connects again. */
  setToken(token: string): void;

  /** Pending over lost connections until the server has stored or refused the message; stored once. */
  send(message: IMClient.OutgoingMessage): IMClient.JQueryPromise<IMClient.Message, IMClient.SendProblem>;
  /**
   * Uploads a picture, a sound, a video or a pdf; `send` names its id as `file_id`. An upload that breaks off rejects, and is
   * not repeated; `abort()` rejects with the code `aborted`.
   */
  upload(file: Blob, options?: IMClient.UploadOptions): IMClient.Upload;
  /** What has no answer yet, in the order of the calls. */
  pending(): IMClient.PendingMessage[];

  /** Takes a message back. Pending over lost connections; doing it again is no error. Fires no `recall` here. */
  recall(messageId: number, sessionId?: string): IMClient.JQueryPromise<IMClient.Message, IMClient.ErrorData>;

  /** A page of messages, oldest first, without what this client knows to be taken back; marks nothing as read. */
  history(query?: IMClient.HistoryQuery): IMClient.JQueryPromise<IMClient.MessagePage>;
  /** Everything up to this message was seen. */
  markRead(messageId: number, sessionId?: string): void;
  /** Of the session; of an unbound client without `sessionId`: of all its sessions. */
  unreadCount(sessionId?: string): IMClient.JQueryPromise<number>;

  /** Told to the others in the session, if there is a connection now. */
  typing(typing: boolean, sessionId?: string): void;

  /** Rejected with `unavailable` when there is no connection. */
  callInvite(media: IMClient.Media, sessionId?: string): IMClient.JQueryPromise<IMClient.CallOk>;
  callAccept(callId: string): void;
  callReject(callId: string): void;
  callCancel(callId: string): void;
  callHangup(callId: string): void;
  /** `signal`: SDP or an ICE candidate, as JSON at most 32 KiB. */
  callSignal(callId: string, signal: IMClient.Json): void;

  readonly application: IMClient.ApplicationGroup;
  readonly users: IMClient.UsersGroup;
  readonly sessions: IMClient.SessionsGroup;
}

declare namespace IMClient {
  type UserType = 'doctor' | 'patient';
  type Platform = 'ios' | 'android' | 'web' | 'wechat';
  type Media = 'video' | 'audio';
  type Json = string | number | boolean | null | Json[] | { [name: string]: Json | undefined };
  /** 0 system, 1 muc, 2 p2p, 3 group. */
  type SessionType = 0 | 1 | 2 | 3;
  /** 1 without, 2 with a patient. */
  type BusinessType = 1 | 2;

  interface Options {
    /** Without `/api/v2`; by default the page's own host. */
    baseUrl?: string;
    token?: string;
    userId?: string;
    userType?: UserType;
    /** Left out by a doctor who wants to hear all sessions. */
    sessionId?: string;
  }

  // ---- Promises -------------------------------------------------------------------------------------------

  /** What the promises of jQuery 1.12 to 4 have in common. `catch` exists from jQuery 3 on. */
  interface JQueryPromise<T, E = Problem> {
    then<R1 = T, R2 = never>(
      done?: ((value: T) => R1 | PromiseLike<R1>) | null,
      fail?: ((error: E) => R2 | PromiseLike<R2>) | null,
    ): JQueryPromise<R1 | R2, unknown>;
    catch?<R = never>(fail?: ((error: E) => R | PromiseLike<R>) | null): JQueryPromise<T | R, unknown>;
    done(fn: (value: T) => void): this;
    fail(fn: (error: E) => void): this;
    always(fn: (valueOrError: T | E) => void): this;
    state(): 'pending' | 'resolved' | 'rejected';
  }

  type ErrorCode =
    | 'validation_failed'
    | 'malformed_json'
    | 'unauthenticated'
    | 'forbidden'
    | 'not_found'
    | 'method_not_allowed'
    | 'conflict'
    | 'payload_too_large'
    | 'unsupported_media_type'
    | 'rate_limited'
    | 'internal'
    | 'unavailable'
    /** The client's own: it was closed. */
    | 'closed'
    /** The client's own: the page ended an upload. */
    | 'aborted';

  interface Fault {
    path: string;
    message: string;
  }

  /** With REST the server's problem JSON. `status` is 0 where no answer came. */
  interface Problem {
    status: number;
    code: ErrorCode;
    detail: string;
    errors?: Fault[];
    request_id?: string;
    type?: string;
    title?: string;
  }

  /** An error frame; `request` and `call_id` say what of a call was refused. */
  interface ErrorData {
    code: ErrorCode;
    detail: string;
    errors?: Fault[];
    status?: number;
    request?: string;
    call_id?: string;
  }

  interface SendProblem extends ErrorData {
    /** Sending again with it makes no second message. Absent where the message was not taken in at all. */
    client_msg_id?: string;
  }

  // ---- Messages -------------------------------------------------------------------------------------------

  interface ImageContent {
    url: string;
    thumbnail?: string;
    width?: number;
    height?: number;
  }

  interface ForwardedContent {
    session_id: string;
    message_id: number;
  }

  interface TopicContent {
    topic_id: string;
    name: string;
  }

  /** What a user may send, by message type. */
  interface OutgoingContent {
    1: string;
    2: ImageContent | NamedFile;
    3: { url: string; duration: number } | (NamedFile & { duration: number });
    4: { title: string; url: string; summary?: string; image?: string };
    5: { title: string; url: string } | (NamedFile & { title: string });
    8: ForwardedContent;
    9: ImageContent | NamedFile;
    12:
      | { url: string; cover?: string; duration: number }
      | (NamedFile & { duration: number; cover_file_id?: string });
  }

  /** A file that was uploaded: its `id`. */
  interface NamedFile {
    file_id: string;
  }

  /** What was uploaded, as the server keeps it. */
  interface UploadedFile {
    id: string;
    name: string;
    mime: string;
    /** Bytes. */
    size: number;
    width?: number;
    height?: number;
    /** Seconds, where the file's header tells. */
    duration?: number;
    /** Good for a day or two; every message that names the file comes with a new one. */
    url: string;
    thumbnail?: string;
  }

  interface UploadOptions {
    /** In bytes of the file. */
    onProgress?: (loaded: number, total: number) => void;
  }

  interface Upload extends JQueryPromise<UploadedFile> {
    abort(): void;
  }

  /** What a stored message holds, by message type. The address of a file of the server's own is made absolute. */
  interface StoredContent extends Omit<OutgoingContent, 2 | 3 | 5 | 8 | 9 | 12> {
    2: ImageContent & Partial<NamedFile>;
    3: { url: string; duration: number } & Partial<NamedFile>;
    5: { title: string; url: string } & Partial<NamedFile>;
    9: ImageContent & Partial<NamedFile>;
    12: { url: string; cover?: string; duration: number; cover_file_id?: string } & Partial<NamedFile>;
    0: string | { [name: string]: Json | undefined };
    6: TopicContent;
    7: TopicContent;
    8: ForwardedContent & { message: CopiedMessage };
    10: string;
    14: { call_id: string; result: CallResult; duration: number };
  }

  type OutgoingMessage = {
    [T in keyof OutgoingContent]: {
      type: T;
      content: OutgoingContent[T];
      /** Of an unbound client, or to another session than the client's own. */
      session_id?: string;
      /** By default a new one. */
      client_msg_id?: string;
      /** The id of the message in the same session that it quotes. */
      reply_to?: number | null;
    };
  }[keyof OutgoingContent];

  interface MessageOf<T extends keyof StoredContent> {
    id: number;
    session_id: string;
    sender_id: string;
    sender_name: string;
    type: T;
    /** Null where it was taken back: then `recalled` says by whom. */
    content: StoredContent[T] | null;
    /** ISO 8601, UTC. */
    timestamp: string;
    client_msg_id: string | null;
    reply_to: Quote | null;
    recalled: Recalled | null;
  }

  /** Of the message that a message quotes. */
  interface Quote {
    id: number;
    sender_id: string;
    sender_name: string;
    type: number;
    /** Its beginning, or what it is (`[图片]`). Null once it was taken back or deleted. */
    text: string | null;
  }

  interface Recalled {
    /** A user's id, or `system`. */
    by: string;
    /** ISO 8601, UTC. */
    time: string;
  }

  interface Recall {
    /** Counts from 1 in each session. */
    id: number;
    message_id: number;
    recalled: Recalled;
  }

  /** The copy of a message in a forward. */
  type CopiedMessage = {
    [T in keyof StoredContent]: Omit<MessageOf<T>, 'content' | 'client_msg_id' | 'reply_to' | 'recalled'> & {
      content: StoredContent[T];
    };
  }[keyof StoredContent];

  type Message = { [T in keyof StoredContent]: MessageOf<T> }[keyof StoredContent];

  type PendingMessage = OutgoingMessage & {
    session_id: string;
    client_msg_id: string;
    /** When `send()` was called. ISO 8601, UTC. */
    since: string;
    /** `sending`: on its way over the present connection. */
    state: 'sending' | 'waiting';
  };

  interface MessagePage {
    items: Message[];
    more: boolean;
  }

  interface MessagesQuery {
    before?: number;
    after?: number;
    limit?: number;
  }

  interface HistoryQuery extends MessagesQuery {
    session_id?: string;
  }

  // ---- Events ---------------------------------------------------------------------------------------------

  interface LoginOk {
    user_id: string;
    session_id: string | null;
    last_message_id: number | null;
    last_recall_id: number | null;
    unread_count: number;
    heartbeat_interval_ms: number;
    /** Of an unbound socket. */
    sessions?: { session_id: string; last_message_id: number; last_recall_id: number }[];
  }

  interface CallOk {
    call_id: string;
    /** For `new RTCPeerConnection({ iceServers })`. */
    ice_servers: IceServer[];
  }

  interface IceServer {
    urls: string | string[];
    username?: string;
    credential?: string;
  }

  type CallResult = 'completed' | 'cancelled' | 'rejected' | 'missed';

  interface Events {
    open: LoginOk;
    message: { message: Message };
    notification: { session_id: string; message: Message };
    read: { session_id: string; user_id: string; message_id: number };
    recall: Recall & { session_id: string };
    typing: { session_id: string; user_id: string; typing: boolean };
    topic: { topic: Topic };
    topic_overdue: { topic: Topic };
    participants: { session_id: string; items: Participant[] };
    reconnecting: { attempt: number; delay_ms: number; code: number; reason: string };
    close: { code: number; reason: string };
    error: ErrorData;
    pending: { items: PendingMessage[] };
    failed: { message: Omit<PendingMessage, 'since' | 'state'>; error: SendProblem };
    call_invite: CallOk & { session_id: string; from: string; media: Media };
    call_accept: { call_id: string; user_id: string };
    call_taken: { call_id: string };
    call_signal: { call_id: string; signal: Json };
    call_ended: { call_id: string; result: CallResult; duration: number };
  }

  type EventName = keyof Events;

  // ---- Resources ------------------------------------------------------------------------------------------

  interface List<T> {
    items: T[];
    next: string | null;
  }

  interface ListQuery {
    limit?: number;
    cursor?: string;
  }

  interface ForUser {
    /** Oneself, when left out. */
    user_id?: string;
  }

  interface User {
    id: string;
    type: UserType;
    name: string;
    /** ISO 5218. */
    sex: 0 | 1 | 2 | 9;
    birthdate: string | null;
    avatar: string | null;
  }

  interface UserStatus {
    user_id: string;
    online: boolean;
    in_background: boolean;
    platform: Platform | null;
    last_active_time: string | null;
  }

  interface Login {
    token: string;
    token_type: 'Bearer';
    expires_at: string;
    user: User;
  }

  interface Session {
    id: string;
    type: SessionType;
    name: string;
    business_type: BusinessType;
    status: 0 | 1;
    create_date: string;
    last_sender_id: string | null;
    last_sender_name: string | null;
    last_content_type: number | null;
    last_content: Json;
    last_message_time: string | null;
  }

  /** A session in a user's list. */
  interface ListedSession extends Session {
    unread_count: number;
    sticky: boolean;
  }

  interface Participant {
    id: string;
    type: UserType;
    name: string;
    avatar: string | null;
    /** 0 member, 1 owner. */
    role: 0 | 1;
    last_fetch_time: string;
  }

  interface NewParticipant {
    id: string;
    role?: 0 | 1;
  }

  interface Avatar {
    id: string;
    name: string;
    avatar: string | null;
  }

  interface Topic {
    id: string;
    session_id: string;
    name: string;
    description: string | null;
    type: number;
    /** 0 open, 10 ended. */
    status: 0 | 10;
    reply: 0 | 1;
    /** When `reply` became 1. */
    reply_time: string | null;
    create_time: string;
    start_message_id: number;
    end_message_id: number | null;
    end_time: string | null;
    end_by: string | null;
    end_by_name: string | null;
  }

  interface TopicStatistics {
    started: number;
    replied: number;
    ended_unreplied: number;
    waiting: number;
    replied_within: { '3600': number; '86400': number };
    first_reply_seconds: { mean: number; p50: number; p90: number } | null;
    /** Index: the hour of the first reply in Asia/Shanghai. */
    replies_by_hour: number[];
  }

  interface NewTopic extends ForUser {
    session_id: string;
    name: string;
    description?: string;
    type?: number;
    session_name?: string;
    session_type?: SessionType;
    participants?: NewParticipant[];
    messages?: (OutgoingMessage & { sender_id: string })[];
  }

  interface TopicsQuery extends ListQuery, ForUser {
    session_id?: string;
    status?: 0 | 10;
    reply?: 0 | 1;
    type?: number;
    from?: string;
    to?: string;
  }

  // ---- REST: path parameters first, in the path's order, then one object for the query or the body --------

  interface ApplicationGroup {
    badgeNo(query?: ForUser): JQueryPromise<{ user_id: string; badge_no: number }>;
  }

  interface UsersGroup {
    /** Sent without the client's own token. */
    login(body: {
      user_id: string;
      user_type: UserType;
      platform?: Platform;
      client_id?: string;
    }): JQueryPromise<Login>;
    logout(body?: ForUser): JQueryPromise<undefined>;
    get(userId: string): JQueryPromise<User>;
    status(userId: string): JQueryPromise<UserStatus>;
    setStatus(
      userId: string,
      body: { in_background: boolean; client_id?: string; platform?: Platform },
    ): JQueryPromise<UserStatus>;
    consultTime(
      userId: string,
    ): JQueryPromise<{ user_id: string; last_active_time: string | null; last_consult_time: string | null }>;
    devices(userId: string): JQueryPromise<{ items: Device[]; next: null }>;
    removeDevice(userId: string, clientId: string): JQueryPromise<undefined>;
  }

  /** A phone that pushes go to. */
  interface Device {
    client_id: string;
    platform: 'ios' | 'android';
    in_background: boolean;
    update_time: string;
    state: 'active' | 'retired';
  }

  interface SessionsGroup {
    create(body: {
      id?: string;
      type: SessionType;
      name: string;
      participants: NewParticipant[];
      business_type?: BusinessType;
    }): JQueryPromise<Session>;
    get(sessionId: string): JQueryPromise<Session & { participants: Participant[] }>;
    list(
      query?: ForUser & ListQuery & { type?: SessionType; business_type?: BusinessType },
    ): JQueryPromise<List<ListedSession>>;
    recent(
      query?: ForUser & ListQuery & { type?: UserType; days?: number },
    ): JQueryPromise<List<ListedSession>>;
    stick(sessionId: string, body?: ForUser): JQueryPromise<undefined>;
    unstick(sessionId: string, query?: ForUser): JQueryPromise<undefined>;
    setStatus(sessionId: string, body: { status: 0 | 1 }): JQueryPromise<Session>;

    startTopic(topicId: string, body: NewTopic): JQueryPromise<Topic>;
    topic(topicId: string): JQueryPromise<Topic>;
    updateTopic(
      topicId: string,
      body: { name?: string; description?: string; type?: number; reply?: 0 | 1 },
    ): JQueryPromise<Topic>;
    /** `topicId` may be `current`. */
    topicEnded(
      sessionId: string,
      topicId: string,
    ): JQueryPromise<{ session_id: string; topic_id: string; ended: boolean }>;
    /** `topicId` may be `current`. */
    endTopic(
      sessionId: string,
      topicId: string,
      body?: ForUser & { user_name?: string; message?: string },
    ): JQueryPromise<Topic>;
    topics(query?: TopicsQuery): JQueryPromise<List<Topic>>;
    replyCount(query?: ForUser & { from?: string; to?: string }): JQueryPromise<{
      new: number;
      replied: number;
      ended_unreplied: number;
      ended_replied: number;
      unreplied: number;
    }>;
    topicStatistics(
      query?: ForUser & {
        from?: string;
        to?: string;
        session_id?: string;
        type?: number;
        business_type?: 1 | 2;
      },
    ): JQueryPromise<TopicStatistics>;
    topicMessages(topicId: string, query?: MessagesQuery): JQueryPromise<MessagePage>;
    topicMessages(sessionId: string, topicId: string, query?: MessagesQuery): JQueryPromise<MessagePage>;

    /** Marks as read, unless `peek` is 1. */
    messages(sessionId: string, query?: ForUser & MessagesQuery & { peek?: 1 }): JQueryPromise<MessagePage>;
    message(sessionId: string, messageId: number): JQueryPromise<Message>;
    /** One POST, not repeated by the client: the other way to send is `client.send()`. */
    send(sessionId: string, body: OutgoingMessage & { sender_id?: string }): JQueryPromise<Message>;
    /** One DELETE, not repeated by the client: the other way to take back is `client.recall()`. */
    recallMessage(sessionId: string, messageId: number, query?: ForUser): JQueryPromise<Message>;
    recalls(
      sessionId: string,
      query?: ForUser & { after?: number; limit?: number },
    ): JQueryPromise<{ items: Recall[]; more: boolean }>;
    /** Newest first; `next` is the next request's `before`, and null once all was looked at. */
    searchMessages(
      sessionId: string,
      query: ForUser & { q: string; sender_id?: string; type?: number; before?: number; limit?: number },
    ): JQueryPromise<{ items: Message[]; next: number | null }>;
    unreadMessages(
      sessionId: string,
      query?: ForUser & Omit<MessagesQuery, 'before'>,
    ): JQueryPromise<MessagePage>;
    unreadCount(
      sessionId: string,
      query?: ForUser,
    ): JQueryPromise<{ user_id: string; session_id: string; count: number }>;
    unreadCounts(query?: ForUser): JQueryPromise<{
      user_id: string;
      count: number;
      sessions: { session_id: string; count: number }[];
    }>;

    participants(sessionId: string): JQueryPromise<List<Participant>>;
    addParticipants(
      sessionId: string,
      body: { participants: NewParticipant[] },
    ): JQueryPromise<List<Participant>>;
    updateParticipants(
      sessionId: string,
      body: { remove?: string[]; add?: NewParticipant[] },
    ): JQueryPromise<List<Participant>>;
    participant(sessionId: string, participantId: string): JQueryPromise<Participant>;
    setParticipant(
      sessionId: string,
      participantId: string,
      body?: { role?: 0 | 1 },
    ): JQueryPromise<Participant>;
    removeParticipant(sessionId: string, participantId: string): JQueryPromise<undefined>;
    avatars(sessionId: string): JQueryPromise<List<Avatar>>;
    avatar(sessionId: string, participantId: string): JQueryPromise<Avatar>;
  }
}
