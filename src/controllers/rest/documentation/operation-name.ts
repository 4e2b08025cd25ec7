const VERBS: Readonly<Record<string, string>> = { GET: 'get', POST: 'post', PUT: 'put', DELETE: 'delete' };

/**
 * What generated clients call an operation: `GET /api/v2/sessions/{session_id}/messages/{message_id}` is `getSessionMessage`. A
 * word before a parameter stands for one thing, and loses its plural.
 */
export function operationName(method: string, path: string): string {
  const parts = path.split('/').filter((part) => !['', 'api', 'v2'].includes(part));
  const words = parts.flatMap((part, index) => {
    if (part.startsWith('{')) return [];
    const one = parts[index + 1]?.startsWith('{') === true;
    return (one ? part.replace(/s$/, '') : part).split('_');
  });
  const name = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  return (VERBS[method] ?? method.toLowerCase()) + name;
}
