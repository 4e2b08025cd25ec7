import { RawJson } from './message';

/** A value as JSON text; every `RawJson` in it goes in as it is. */
export function json(value: unknown): string {
  if (value instanceof RawJson) return value.text;
  if (Array.isArray(value)) return `[${value.map(json).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .map(([key, each]) => `${JSON.stringify(key)}:${json(each)}`);
    return `{${fields.join(',')}}`;
  }
  return JSON.stringify(value);
}

/** A frame of the socket protocol: `{"type", "data", "ref"?}`. */
export function frame(type: string, data: unknown, ref?: string): string {
  const suffix = ref === undefined ? '' : `,"ref":${JSON.stringify(ref)}`;
  return `{"type":"${type}","data":${json(data)}${suffix}}`;
}

export function messageFrame(message: string): string {
  return `{"type":"message","data":{"message":${message}}}`;
}

export function messageOkFrame(message: string, ref?: string): string {
  const suffix = ref === undefined ? '' : `,"ref":${JSON.stringify(ref)}`;
  return `{"type":"message_ok","data":{"message":${message}}${suffix}}`;
}

export function notificationFrame(sessionId: string, message: string): string {
  return `{"type":"notification","data":{"session_id":${JSON.stringify(sessionId)},"message":${message}}}`;
}
