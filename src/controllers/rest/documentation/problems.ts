import { z } from 'zod';
import { AppError, ERROR_CODES, type ErrorCode } from '../../../errors';
import { type Route } from '../route';

/** What an error looks like: RFC 9457, with the contract's `code`, and the faults of bad input. */
export const problem = z
  .object({
    type: z.string().meta({ example: 'about:blank' }),
    title: z.string(),
    status: z.number().int(),
    detail: z.string().meta({ description: 'for people; it may change' }),
    code: z.enum(ERROR_CODES).meta({ description: 'for programs' }),
    request_id: z.string().meta({ description: 'also in X-Request-Id and in the log' }),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .meta({
        description: "every fault of the input, by the dotted path in the body or the query field's name",
      }),
  })
  .meta({ id: 'Problem' });

/** The codes that a route may answer with, apart from those of its path: what it lists, and what its definition implies. */
export function problemsOf(route: Route): ErrorCode[] {
  const codes = new Set<ErrorCode>([
    'validation_failed',
    'unauthenticated',
    'internal',
    'unavailable',
    ...(route.problems ?? []),
  ]);
  if (route.method !== 'GET') {
    codes.add('malformed_json').add('payload_too_large').add('unsupported_media_type');
  }
  if (route.who !== 'user') codes.add('forbidden');
  if (route.path.includes(':')) codes.add('not_found');
  return ERROR_CODES.filter((code) => codes.has(code));
}

/** A problem with this code, for the documentation. */
export function exampleProblem(code: ErrorCode): z.output<typeof problem> {
  const { status, title } = new AppError(code, '');
  const faults = [{ path: 'participants.0.id', message: 'no known user' }];
  return {
    type: 'about:blank',
    title,
    status,
    detail: code === 'validation_failed' ? 'participants.0.id: no known user' : `${title}.`,
    code,
    request_id: '3f0c1c57-6f0e-4a52-9d4e-7a9c2f1f7a10',
    ...(code === 'validation_failed' ? { errors: faults } : {}),
  };
}
