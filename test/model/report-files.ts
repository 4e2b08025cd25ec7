import { readFileSync } from 'node:fs';
import path from 'node:path';
import { REPORT_VIEWS, type ReportViewsPlan } from '../../src/model/platform/report-views';

export const REPORT_FOLDER = path.resolve(__dirname, '../../src/report-views');

/** The SQL files that come with the server. */
export const REPORT_FILES = Object.fromEntries(
  REPORT_VIEWS.map((name) => [name, readFileSync(path.join(REPORT_FOLDER, `${name}.sql`), 'utf8')]),
) as ReportViewsPlan['definitions'];
