import { type Request, type Response } from 'express';

export type Language = 'zh' | 'en';

const COOKIE = 'im_lang';
const YEAR_SECONDS = 365 * 24 * 60 * 60;

/**
 * The language of a page: what its switch says (`?lang=zh`, then remembered in a cookie), else what the browser prefers. The
 * answer says that it depends on these.
 */
export function pageLanguage(request: Request, response: Response): Language {
  response.vary('Accept-Language').vary('Cookie');
  // Not as a URL: `//` is an address that is asked for, and no URL.
  const asked = new URLSearchParams(request.originalUrl.split('?', 2)[1]).get('lang');
  if (asked === 'zh' || asked === 'en') {
    response.append(
      'Set-Cookie',
      `${COOKIE}=${asked}; Path=/; Max-Age=${YEAR_SECONDS}; SameSite=Lax; HttpOnly`,
    );
    return asked;
  }
  const cookies = (request.headers.cookie ?? '').split(';').map((each) => each.trim());
  if (cookies.includes(`${COOKIE}=zh`)) return 'zh';
  if (cookies.includes(`${COOKIE}=en`)) return 'en';
  return request.acceptsLanguages(['en', 'zh']) === 'zh' ? 'zh' : 'en';
}

/** Both texts stand beside each other in the templates; this shows one. */
export function texts(language: Language): (chinese: string, english: string) => string {
  return (chinese, english) => (language === 'zh' ? chinese : english);
}
