/**
 * The readme and the pages of `doc/` as HTML. It knows the Markdown that they use: headings, paragraphs, lists, tables, code,
 * links, pictures. All text is escaped; `link` says where an address leads, and undefined shows the text alone.
 */
export function markdownToHtml(markdown: string, link: (address: string) => string | undefined): string {
  const lines = markdown.split(/\r?\n/);
  const html: string[] = [];
  for (let at = 0; at < lines.length;) {
    const block = BLOCKS.find(({ begins }) => begins(lines, at)) ?? PARAGRAPH;
    let end = at + 1;
    while (end < lines.length && block.goesOn(lines, end, at)) end += 1;
    html.push(block.html(lines.slice(at, end), link));
    at = end;
  }
  return html.filter(Boolean).join('\n');
}

type Link = (address: string) => string | undefined;

interface Block {
  begins: (lines: readonly string[], at: number) => boolean;
  /** Whether the line at `at` belongs to the block that began at `start`. */
  goesOn: (lines: readonly string[], at: number, start: number) => boolean;
  html: (lines: readonly string[], link: Link) => string;
}

const lineAt = (lines: readonly string[], at: number) => lines[at] ?? '';
const isBlank = (line: string) => line.trim() === '';
const ITEM = /^(?:[-*]|\d+\.) /;

const BLANK: Block = {
  begins: (lines, at) => isBlank(lineAt(lines, at)),
  goesOn: () => false,
  html: () => '',
};

const FENCE: Block = {
  begins: (lines, at) => lineAt(lines, at).startsWith('```'),
  goesOn: (lines, at, start) => at === start + 1 || !lineAt(lines, at - 1).startsWith('```'),
  html: (lines) => {
    const inner = lines.slice(1, lines.at(-1)?.startsWith('```') === true ? -1 : undefined);
    return `<pre><code>${escapeHtml(inner.join('\n'))}</code></pre>`;
  },
};

const INDENTED: Block = {
  begins: (lines, at) => lineAt(lines, at).startsWith('    '),
  goesOn: (lines, at) => lineAt(lines, at).startsWith('    '),
  html: (lines) => `<pre><code>${escapeHtml(lines.map((line) => line.slice(4)).join('\n'))}</code></pre>`,
};

const HEADING: Block = {
  begins: (lines, at) => /^#{1,4} /.test(lineAt(lines, at)),
  goesOn: () => false,
  html: ([line = ''], link) => {
    const level = line.indexOf(' ');
    const text = line.slice(level + 1);
    return `<h${level} id="${escapeHtml(headingId(text))}">${inline(text, link)}</h${level}>`;
  },
};

const TABLE: Block = {
  begins: (lines, at) => lineAt(lines, at).startsWith('|') && /^\|[\s|:-]+$/.test(lineAt(lines, at + 1)),
  goesOn: (lines, at) => lineAt(lines, at).startsWith('|'),
  html: ([head = '', , ...rows], link) => {
    const row = (line: string, tag: string) =>
      `<tr>${cells(line)
        .map((cell) => `<${tag}>${inline(cell, link)}</${tag}>`)
        .join('')}</tr>`;
    const body = rows.map((line) => row(line, 'td')).join('\n');
    return `<div class="wide"><table><thead>${row(head, 'th')}</thead><tbody>${body}</tbody></table></div>`;
  },
};

const LIST: Block = {
  begins: (lines, at) => ITEM.test(lineAt(lines, at)),
  goesOn: (lines, at) => {
    const line = lineAt(lines, at);
    if (isBlank(line)) return ITEM.test(lineAt(lines, at + 1)) || lineAt(lines, at + 1).startsWith('  ');
    return ITEM.test(line) || line.startsWith('  ') || !isBlank(lineAt(lines, at - 1));
  },
  html: (lines, link) => {
    const items: string[][] = [];
    for (const line of lines) {
      if (ITEM.test(line)) items.push([line.replace(ITEM, '')]);
      else items.at(-1)?.push(line.replace(/^ {2,3}/, ''));
    }
    const tag = /^\d/.test(lines[0] ?? '') ? 'ol' : 'ul';
    // An item of one paragraph needs no paragraph of its own.
    const inner = items.map((item) => {
      const html = markdownToHtml(item.join('\n'), link);
      return `<li>${html.split('<p>').length === 2 ? html.replace('<p>', '').replace('</p>', '') : html}</li>`;
    });
    return `<${tag}>${inner.join('\n')}</${tag}>`;
  },
};

const PARAGRAPH: Block = {
  begins: () => true,
  goesOn: (lines, at) => !isBlank(lineAt(lines, at)) && !BLOCKS.some(({ begins }) => begins(lines, at)),
  html: (lines, link) => `<p>${inline(lines.join('\n'), link)}</p>`,
};

const BLOCKS: readonly Block[] = [BLANK, FENCE, INDENTED, HEADING, TABLE, LIST];

/** A row's cells: bars inside of code, or behind a backslash, part nothing. */
function cells(line: string): string[] {
  const found: string[] = [];
  let cell = '';
  let code = false;
  for (let at = 1; at < line.length; at += 1) {
    const character = line.charAt(at);
    if (character === '`') code = !code;
    if (character === '|' && !code && line.charAt(at - 1) !== '\\') {
      found.push(cell.trim().replaceAll('\\|', '|'));
      cell = '';
    } else cell += character;
  }
  return found;
}

/** As GitHub makes them: links from elsewhere fit. */
function headingId(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
    .replaceAll(' ', '-');
}

const INLINE =
  /(?<code>`[^`]{1,500}`)|!\[(?<alt>[^[\]]{0,200})\]\((?<picture>[^)\s]{1,500})\)|\[(?<text>[^[\]]{1,200})\]\((?<target>[^)\s]{1,500})\)|<(?<url>https?:[^>\s]{1,500})>|\*\*(?<strong>[^*]{1,500})\*\*/g;

function inline(text: string, link: Link): string {
  let html = '';
  let rest = 0;
  for (const found of text.matchAll(INLINE)) {
    html += escapeHtml(text.slice(rest, found.index));
    rest = found.index + found[0].length;
    const { alt, code, picture, strong, target, text: label, url } = found.groups ?? {};
    if (code !== undefined) html += `<code>${escapeHtml(code.slice(1, -1))}</code>`;
    else if (strong !== undefined) html += `<strong>${inline(strong, link)}</strong>`;
    else if (picture !== undefined) html += image(link(picture), alt ?? '');
    else if (url !== undefined) html += anchor(link(url), escapeHtml(url));
    else html += anchor(link(target ?? ''), inline(label ?? '', link));
  }
  return html + escapeHtml(text.slice(rest));
}

function anchor(address: string | undefined, html: string): string {
  return address === undefined ? html : `<a href="${escapeHtml(address)}">${html}</a>`;
}

function image(address: string | undefined, alt: string): string {
  return address === undefined ? '' : `<img src="${escapeHtml(address)}" alt="${escapeHtml(alt)}" />`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
