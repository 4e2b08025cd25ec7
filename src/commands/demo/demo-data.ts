import { type UserType } from '../../model/users';

/** What the demo shows at the first start: people, their sessions and what was said. Chinese, since patients and doctors read it. */

export interface DemoUser {
  id: string;
  type: UserType;
  name: string;
  /** ISO 5218 */
  sex: number;
  birthdate: string;
}

export const DEMO_USERS: readonly DemoUser[] = [
  { id: 'demo-patient', type: 'patient', name: '王建国', sex: 1, birthdate: '1958-03-12' },
  { id: 'demo-doctor', type: 'doctor', name: '李慧', sex: 2, birthdate: '1982-07-05' },
  { id: 'demo-specialist', type: 'doctor', name: '周明远', sex: 1, birthdate: '1971-11-23' },
  { id: 'demo-manager', type: 'doctor', name: '陈静', sex: 2, birthdate: '1993-02-18' },
];

const [PATIENT, DOCTOR, SPECIALIST, MANAGER] = [
  'demo-patient',
  'demo-doctor',
  'demo-specialist',
  'demo-manager',
] as const;

/** `from` null: the platform. `forward`: the index of the team session's line that is passed on. */
export interface DemoLine {
  minutesAgo: number;
  from: string | null;
  type: number;
  content: unknown;
  forward?: number;
  /** A topic's, at its start. */
  description?: string;
}

export interface DemoSession {
  id: string;
  type: number;
  name: string;
  /** The first one owns it. */
  participants: readonly string[];
  lines: readonly DemoLine[];
}

const HOUR = 60;
const DAY = 24 * HOUR;

const text = (minutesAgo: number, from: string | null, content: string): DemoLine => ({
  minutesAgo,
  from,
  type: 1,
  content,
});

/** A topic's start (6) or end (7), at the start with what the patient wrote. */
const topic = (
  minutesAgo: number,
  from: string | null,
  type: 6 | 7,
  id: string,
  name: string,
  description?: string,
): DemoLine => ({ minutesAgo, from, type, content: { topic_id: id, name }, description });

/**
 * The demo's sessions, each with its lines in order.
 * @param media where the demo's picture, voice and film are, an absolute URL without a slash at its end
 */
export function demoSessions(media: string): DemoSession[] {
  const pages = media.replace(/media$/, 'pages');
  return [
    {
      id: 'demo-team',
      type: 1,
      name: '王建国的家庭医生团队',
      participants: [DOCTOR, PATIENT, SPECIALIST, MANAGER],
      lines: [
        {
          minutesAgo: 2 * DAY + 3 * HOUR,
          from: null,
          type: 0,
          content: '健康管理师陈静加入了您的家庭医生团队',
        },
        topic(2 * DAY + 2 * HOUR, PATIENT, 6, 'demo-topic-vaccine', '流感疫苗接种'),
        text(2 * DAY + 119, PATIENT, '李医生好，我有高血压，今年能打流感疫苗吗？'),
        text(2 * DAY + 112, DOCTOR, '王叔您好，血压平稳的时候可以接种，而且很建议您打。'),
        {
          minutesAgo: 2 * DAY + 111,
          from: DOCTOR,
          type: 4,
          content: {
            title: '老年人接种流感疫苗须知',
            summary: '哪些人适合接种、什么时候接种、接种前后要注意什么，一篇讲清楚。',
            url: `${pages}/vaccine.html`,
            image: `${media}/vaccine.png`,
          },
        },
        text(2 * DAY + 103, PATIENT, '好的，明白了，谢谢您！'),
        topic(2 * DAY + 95, DOCTOR, 7, 'demo-topic-vaccine', '流感疫苗接种'),
        {
          minutesAgo: 2 * DAY + 95,
          from: DOCTOR,
          type: 10,
          content: '周三上午社区门诊可以接种，记得带身份证和医保卡。祝您健康！',
        },
        topic(
          46,
          PATIENT,
          6,
          'demo-topic-pressure',
          '血压偏高，有点头晕',
          '早上起床时头晕，站一会儿好些。高血压八年，一直吃苯磺酸氨氯地平，每天一片。',
        ),
        text(45, PATIENT, '李医生，我这两天早上起来有点头晕，刚量了血压。'),
        {
          minutesAgo: 44,
          from: PATIENT,
          type: 2,
          content: { url: `${media}/pressure.png`, width: 640, height: 480 },
        },
        text(38, DOCTOR, '收到。152/94，是偏高一些。最近药有按时吃吗？睡眠怎么样？'),
        { minutesAgo: 35, from: PATIENT, type: 3, content: { url: `${media}/voice.wav`, duration: 6 } },
        text(33, SPECIALIST, '建议先连续记录三天，早晚各一次。数值稳定之前，不要自己加药。'),
        {
          minutesAgo: 31,
          from: MANAGER,
          type: 12,
          content: { url: `${media}/measure.webm`, cover: `${media}/measure.png`, duration: 4 },
        },
        text(30, MANAGER, '王叔，视频里是测量血压的正确姿势：坐好歇五分钟，袖带与心脏同高。'),
        {
          minutesAgo: 12,
          from: MANAGER,
          type: 5,
          content: { title: '填写血压记录表', url: `${pages}/pressure.html` },
        },
      ],
    },
    {
      id: 'demo-expert',
      type: 2,
      name: '名医咨询 · 周明远',
      participants: [SPECIALIST, PATIENT],
      lines: [
        topic(5 * DAY, PATIENT, 6, 'demo-topic-heart', '心电图结果'),
        text(5 * DAY - 2, PATIENT, '周主任，体检的心电图写着“偶发早搏”，要紧吗？'),
        text(5 * DAY - 30, SPECIALIST, '偶发早搏很常见，没有不舒服可以先观察，少喝浓茶和咖啡。'),
        text(5 * DAY - 33, PATIENT, '这下放心了。'),
        topic(5 * DAY - 40, SPECIALIST, 7, 'demo-topic-heart', '心电图结果'),
      ],
    },
    {
      id: 'demo-doctors',
      type: 2,
      name: '李慧、周明远',
      participants: [DOCTOR, SPECIALIST],
      lines: [
        text(29, DOCTOR, '周主任，麻烦您看一下王建国的情况。'),
        { minutesAgo: 28, from: DOCTOR, type: 8, content: null, forward: 10 },
        text(20, SPECIALIST, '看到了。先记录三天，周五我门诊，让他带着记录来。'),
      ],
    },
    {
      id: 'demo-group',
      type: 3,
      name: '城北社区卫生服务中心',
      participants: [DOCTOR, SPECIALIST, MANAGER],
      lines: [
        text(1 * DAY + 60, MANAGER, '本周随访名单已经发到各位邮箱。'),
        text(1 * DAY + 42, SPECIALIST, '收到。'),
        text(95, MANAGER, '提醒：周三上午九点流感疫苗门诊，请各团队通知签约居民。'),
      ],
    },
  ];
}
