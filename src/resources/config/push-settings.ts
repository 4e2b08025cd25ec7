import { z } from 'zod';
import { ConfigError } from './config-error';

/** What the Getui client needs of the settings. */
export interface GetuiConfig {
  appId: string;
  appKey: string;
  masterSecret: string;
  apiBase: string;
  /** Merged into each push's `push_channel`. */
  pushOptions: Record<string, unknown>;
  /** What a push shows: nothing of a message, or its text. */
  text: 'hidden' | 'full';
}

/** Kinds of messages that may have a WeChat template of their own. */
export const TEMPLATE_KINDS = ['call', 'topic_start', 'topic_end', 'system'] as const;
export type TemplateKind = (typeof TEMPLATE_KINDS)[number];

/** All three of the account's settings, or none. @throws ConfigError that names the first one missing */
export function getuiFrom(
  account: Record<'IM_GETUI_APP_ID' | 'IM_GETUI_APP_KEY' | 'IM_GETUI_MASTER_SECRET', string | undefined>,
  rest: Pick<GetuiConfig, 'apiBase' | 'pushOptions' | 'text'>,
): GetuiConfig | undefined {
  const names = Object.keys(account);
  const missing = Object.entries(account).find(([, value]) => value === undefined)?.[0];
  const { IM_GETUI_APP_ID: appId, IM_GETUI_APP_KEY: appKey, IM_GETUI_MASTER_SECRET: masterSecret } = account;
  if (appId !== undefined && appKey !== undefined && masterSecret !== undefined)
    return { appId, appKey, masterSecret, ...rest };
  if (Object.values(account).every((value) => value === undefined)) return undefined;
  throw new ConfigError(
    `${missing} is required: ${names.slice(0, -1).join(', ')} and ${names.at(-1)} are set all three or none`,
  );
}

/** Fields of other templates than the default one; without `data` they take its fields. */
export function templatesSchema(data: z.ZodType<Record<string, string>>) {
  return z.partialRecord(
    z.enum(TEMPLATE_KINDS),
    z.strictObject({ template_id: z.string().min(1), data: data.optional() }),
  );
}
