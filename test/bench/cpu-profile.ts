import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** What `node --cpu-prof` writes (Chrome DevTools Protocol, Profiler.Profile). */
interface Profile {
  nodes: {
    id: number;
    callFrame: { functionName: string; url: string; lineNumber: number };
    children?: number[];
  }[];
  /** By sample: the node that was running. */
  samples: number[];
  /** By sample: µs since the one before it. */
  timeDeltas: number[];
  /** µs on the monotonic clock, that of `process.hrtime`. */
  startTime: number;
}

export interface Share {
  name: string;
  /** µs */
  time: number;
}

export interface ProfileSummary {
  /** µs in which the process did something. */
  busy: number;
  /** µs */
  idle: number;
  functions: Share[];
  places: Share[];
  /** With everything that they call, of the server's own functions. */
  inclusive: Share[];
}

/** The one profile in `folder`. @throws when the process has written none */
export function readProfile(folder: string): { file: string; profile: Profile } {
  const name = readdirSync(folder).find((each) => each.endsWith('.cpuprofile'));
  if (name === undefined) throw new Error('the server has written no CPU profile');
  const file = path.join(folder, name);
  return { file, profile: JSON.parse(readFileSync(file, 'utf8')) as Profile };
}

/** Package, part of Node or file of the server that a script is. */
function placeOf(url: string, functionName: string): string {
  if (url === '') return functionName === '(garbage collector)' ? 'garbage collector' : 'node (native)';
  if (url.startsWith('node:')) return url.split('/').slice(0, 2).join('/');
  const inPackage = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  if (inPackage !== undefined) return inPackage;
  return /\/dist\/(.+)$/.exec(url)?.[1] ?? path.basename(url);
}

function add(map: Map<string, number>, name: string, time: number): void {
  map.set(name, (map.get(name) ?? 0) + time);
}

function shares(map: ReadonlyMap<string, number>): Share[] {
  return [...map].map(([name, time]) => ({ name, time })).sort((a, b) => b.time - a.time);
}

/** Where the time went between two moments, µs on the monotonic clock. */
export function summarise(profile: Profile, from: number, to: number): ProfileSummary {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap(({ children = [], id }) => children.map((child) => [child, id] as const)),
  );
  const label = (id: number): { name: string; own: boolean; place: string } => {
    const { functionName, lineNumber, url } = nodes.get(id)?.callFrame ?? {
      functionName: '',
      lineNumber: 0,
      url: '',
    };
    const place = placeOf(url, functionName);
    const position = url === '' ? '' : ` ${path.basename(url)}:${lineNumber + 1}`;
    return {
      name: `${functionName === '' ? '(anonymous)' : functionName}${position} [${place}]`,
      own: url.startsWith('file:') && !url.includes('/node_modules/'),
      place,
    };
  };
  const labels = new Map(profile.nodes.map(({ id }) => [id, label(id)]));

  const functions = new Map<string, number>();
  const places = new Map<string, number>();
  const inclusive = new Map<string, number>();
  let busy = 0;
  let idle = 0;
  let now = profile.startTime;
  profile.samples.forEach((id, index) => {
    // A delta belongs to the sample before it; at a millisecond or less the difference does not matter.
    const time = profile.timeDeltas[index] ?? 0;
    now += time;
    if (now < from || now > to) return;
    const functionName = nodes.get(id)?.callFrame.functionName;
    if (functionName === '(idle)') {
      idle += time;
      return;
    }
    busy += time;
    const { name, place } = labels.get(id) ?? { name: '', place: '' };
    add(functions, name, time);
    add(places, place, time);
    const seen = new Set<string>();
    for (let each: number | undefined = id; each !== undefined; each = parents.get(each)) {
      const caller = labels.get(each);
      if (caller?.own !== true || seen.has(caller.name)) continue;
      seen.add(caller.name);
      add(inclusive, caller.name, time);
    }
  });
  return { busy, idle, functions: shares(functions), places: shares(places), inclusive: shares(inclusive) };
}

/** The summary as text. @param messages that were handled meanwhile */
export function profileText(summary: ProfileSummary, messages: number): string {
  const { busy, functions, idle, inclusive, places } = summary;
  const lines = (title: string, list: readonly Share[], count: number) => [
    '',
    title,
    ...list.slice(0, count).map(({ name, time }) => {
      const percent = ((time / busy) * 100).toFixed(1).padStart(5);
      return `${percent} %  ${(time / messages).toFixed(1).padStart(6)} µs/message  ${name}`;
    }),
  ];
  return [
    `${messages} messages; the server was busy for ${(busy / 1e6).toFixed(2)} s and idle for ${(idle / 1e6).toFixed(2)} s: ${(busy / messages).toFixed(0)} µs a message`,
    ...lines('By file and package, themselves', places, 30),
    ...lines('By function, themselves', functions, 45),
    ...lines("The server's functions, with what they call", inclusive, 40),
  ].join('\n');
}
