import { type OpenApi } from './openapi';

/** What the API's reference says, in Chinese. What is not here is shown as it is. */
const CHINESE: Readonly<Record<string, string>> = {
  'Family doctor IM': '家庭医生即时消息',
  'Messages between family doctors and their patients. The platform’s backend sends `X-IM-App-Key`; a user sends the token that the backend got for it by logging it in. Errors are RFC 9457 problems, whose `code` a program can rely on.':
    '家庭医生与患者之间的消息。平台后端带请求头 `X-IM-App-Key`；用户带令牌，令牌由后端替用户登录取得。错误遵循 RFC 9457，程序可以依赖其中的 `code`。',
  Application: '应用',
  Users: '用户',
  Sessions: '会话',
  Messages: '消息',
  Topics: '咨询',
  Participants: '成员',
  Files: '文件',
  Devices: '手机',
  Webhooks: 'Webhook',
  Notices: '提醒',
  'Badge, notices and what else concerns the app as a whole': '角标、提醒等与整个应用有关的',
  'Profiles, logging in and out, who is online': '用户资料、登录与退出、是否在线',
  'Conversations: with a fixed type and changing participants': '会话：类型固定，成员可变',
  'Sending, history, unread messages': '发送、历史与未读消息',
  'Consultations inside a session, from a start message to an end message':
    '会话中的一次咨询，从开始消息到结束消息',
  'Who takes part in a session': '谁在会话中',

  'A user for itself, or the backend.': '用户为自己，或平台后端',
  'The backend only.': '只限平台后端',
  'The backend only; in the `dev` profile, anybody.': '只限平台后端；`dev` 配置下任何人都可以',

  "The app's badge: unread messages over all of the user's sessions": '应用角标：该用户所有会话的未读消息数',
  'Notices to people who were away, newest first': '发给不在线的人的提醒，最新的在前',
  'Send a notice anew that failed: it is tried for another 24 hours': '重新发送失败的提醒：再尝试 24 小时',
  "Events of the platform's webhook, newest first": '平台 Webhook 的事件，最新的在前',
  "Send a failed event again, ahead of its session's others": '重新发送失败的事件，排在该会话其他事件之前',
  "Tell one user something, in the user's own session for notices; it is made where there is none":
    '通知一个用户，写入该用户自己的通知会话；没有时自动建立',
  "The user's phones that pushes go to, the one named last first": '该用户接收推送的手机，最近登记的在前',
  'Push to this phone no longer, until it is named again': '不再向这部手机推送，直到它再次登记',
  'Take a message back; again changes nothing': '撤回一条消息；重复撤回不再改变什么',
  'What was taken back, in that order': '已撤回的消息，按撤回的顺序',
  'Messages whose text holds `q`, newest first; a request looks at 10,000 at most, and may find few or none with a next':
    '文字中含有 `q` 的消息，最新的在前；一次最多查看 10,000 条，可能只找到很少或没有，而仍有 `next`',
  'How fast topics were answered, over the topics that started in a time':
    '咨询回复的快慢，统计某段时间内开始的咨询',
  'Upload a file; a message that names it within a day keeps it':
    '上传文件；一天之内有消息引用它，它就会保留',
  "A file's bytes, or those of its thumbnail; ranges are served": '文件的内容，或其缩略图；支持分段读取',
  'Log a user in whom the platform has checked (in dev: anybody, and unknown users are made)':
    '登录平台已核实的用户（dev 下任何人都可以，未知用户会被建立）',
  'Revoke the token given; the backend revokes all tokens of a user':
    '作废所带的令牌；平台后端作废某用户的全部令牌',
  'A profile: oneself, or someone one shares a session with': '用户资料：自己，或与自己同在某个会话的人',
  'Make or change a profile': '建立或修改用户资料',
  'Whether a user is online: oneself, or someone one shares a session with':
    '用户是否在线：自己，或与自己同在某个会话的人',
  "What the user's app says of itself": '用户的应用报告自己的状态',
  "The user's latest activity and latest message in a session with a patient":
    '该用户最近一次活动，以及在有患者的会话中最近一次发言的时间',
  'Make a session; two users have one p2p session, which is the answer when it exists':
    '建立会话；两人之间只有一个单聊会话，已有时返回它',
  "A user's sessions: sticky first, then by latest message, newest first":
    '用户的会话：置顶的在前，其余按最后一条消息从新到旧',
  'Sessions with a message in the last days, with a patient or among doctors':
    '最近若干天内有消息的会话，有患者的或只有医生的',
  'One session with its participants': '一个会话及其成员',
  'The same under a shorter path': '同上，路径较短',
  'Pin a session in the list of one user': '在某用户的列表中置顶会话',
  'Unpin it': '取消置顶',
  'Whether the session has an active topic; starting and ending one set it too':
    '会话是否有进行中的咨询；开始和结束咨询时也会设置',
  "Unread messages of all the user's sessions": '用户所有会话的未读消息数',
  'Unread messages of one session': '一个会话的未读消息数',
  'Send a message; the same client_msg_id again gives the first message back and stores nothing':
    '发送消息；相同的 client_msg_id 再次发送时返回第一条，不再保存',
  'History, oldest first in a page; marks as read up to the newest message returned, unless peek=1':
    '历史消息，每页从旧到新；读到返回的最后一条为止，除非 peek=1',
  'Unread messages, oldest first; marks nothing': '未读消息，从旧到新；不改变已读位置',
  'One message': '一条消息',
  'Start a topic, in a session that exists or is made for it; all or nothing':
    '发起咨询，可在已有会话中，也可同时建立会话；要么全部成功，要么什么都不做',
  'Topics, newest first': '咨询列表，从新到旧',
  "Replies over the topics of a user's sessions; what ended without a reply is not unreplied":
    '用户各会话的咨询回复统计；未回复就结束的不算待回复',
  'One topic': '一次咨询',
  "Change a topic's own fields": '修改咨询自身的字段',
  "Whether a topic has ended; `current` is the session's last one":
    '咨询是否已结束；`current` 指会话的最后一次咨询',
  'End a topic; ending an ended one changes nothing': '结束咨询；已结束的再次结束不改变什么',
  "A topic's messages, from its start to its end, oldest first": '一次咨询从开始到结束的消息，从旧到新',
  "The same by way of the topic's session": '同上，经由咨询所在的会话',
  'The participants of a session': '会话的成员',
  'Add participants; who is there already stays as they are': '添加成员；已在会话中的保持不变',
  'Remove and add participants, both or neither': '同时移除与添加成员，要么都做，要么都不做',
  'Names and avatars of all participants': '全部成员的姓名与头像',
  'One participant': '一个成员',
  'Add a participant, or change its role': '添加成员，或修改其角色',
  'Remove a participant, who sees nothing more from then on': '移除成员，此后该成员看不到任何内容',
  'Name and avatar of one participant': '一个成员的姓名与头像',

  'for the backend, which has to name the user; a user may name only itself':
    '平台后端必须指明用户；用户只能指明自己',
  'for the backend, which may name a user; a user may name only itself':
    '平台后端可以指明用户；用户只能指明自己',
  'for the backend; a user sends as itself': '供平台后端使用；用户以自己的身份发送',
  'who starts it': '发起人',
  'what `next` held in the page before': '上一页的 `next`',
  'ids strictly below this one': '只要小于此 id 的',
  'ids strictly above this one': '只要大于此 id 的',
  '1: marks nothing as read': '1：不改变已读位置',
  'create_time at this moment or later': 'create_time 不早于此刻',
  'create_time before this moment': 'create_time 早于此刻',
  "or `current`: the session's last topic": '或 `current`：会话的最后一次咨询',
  '0 system, 1 consultation (muc), 2 p2p, 3 group': '0 系统，1 咨询（muc），2 单聊，3 群聊',
  '0 member, 1 owner': '0 成员，1 负责人',
  'ISO 5218: 0 unknown, 1 male, 2 female, 9 not applicable': 'ISO 5218：0 未知，1 男，2 女，9 不适用',
  'shown to the backend alone': '只给平台后端看',
  '2 with a patient, else 1': '有患者为 2，否则为 1',
  '1 while a topic is active': '有进行中的咨询时为 1',
  'a string or an object, by the type': '字符串或对象，依类型而定',
  'The content that each type of message takes': '各类消息的内容',
  '0 open, 10 ended': '0 进行中，10 已结束',
  '1 once a doctor has sent a message while it was open': '咨询进行中医生发过消息后为 1',
  'for people; it may change': '给人看的，可能会变',
  'for programs': '给程序用的',
  'also in X-Request-Id and in the log': '与 X-Request-Id 和日志中的相同',
  "every fault of the input, by the dotted path in the body or the query field's name":
    '输入的每一处错误，以请求体中的点分路径或查询参数名标明',
  "The request's id, also in the log": '请求的编号，日志中也有',
  'Seconds to wait': '需要等待的秒数',

  'the badge': '角标',
  'a token, valid for 7 days': '令牌，有效期 7 天',
  'revoked, in every process': '已作废，对所有进程生效',
  'the user': '用户',
  changed: '已修改',
  made: '已建立',
  'the status': '状态',
  'the times': '时间',
  'the p2p session that these two have': '两人已有的单聊会话',
  'a page': '一页',
  'the session': '会话',
  pinned: '已置顶',
  unpinned: '已取消置顶',
  'the counts; sessions without unread messages are left out': '各会话的未读数；没有未读的会话不列出',
  'the count': '数目',
  'the counts': '各项数目',
  'a repeat: the message stored before': '重复发送：先前保存的消息',
  stored: '已保存',
  'the message': '消息',
  started: '已发起',
  'the topic': '咨询',
  'whether it has': '是否已结束',
  'all of them': '全部成员',
  'the participant': '成员',
  added: '已添加',
  removed: '已移除',
  'the avatar': '头像',

  'system (the backend alone)': '系统（只限平台后端）',
  text: '文本',
  image: '图片',
  voice: '语音',
  article: '文章',
  jump: '链接',
  'forwarded message': '转发的消息',
  'forwarded image': '转发的图片',
  'short video': '短视频',
  'The request is not valid': '请求不合要求',
  'Credentials are missing or not valid': '缺少凭证或凭证无效',
  'Not allowed': '没有权限',
  'Not found': '不存在',
  'Internal error': '内部错误',
  Unavailable: '暂时不可用',
  'The payload is too large': '内容过大',
  'The media type is not supported': '不支持这种内容类型',
  Conflict: '冲突',
  'Too many requests': '请求过多',
};

const FOR_PEOPLE = new Set(['summary', 'description', 'title']);

/** The same document with its words for people in Chinese; an operation's tag and a tag's name stay the keys that they are. */
export function inChinese(document: OpenApi): OpenApi {
  return JSON.parse(JSON.stringify(document), (key: string, value: unknown): unknown =>
    typeof value === 'string' && FOR_PEOPLE.has(key) ? chineseFor(value) : value,
  ) as OpenApi;
}

export function chineseFor(text: string): string {
  return CHINESE[text] ?? text;
}
