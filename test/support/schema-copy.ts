import mysql from 'mysql2/promise';
import { openDatabase } from '../../src/db/database';
import { migrate } from '../../src/db/migrate';
import { type SqlServer } from './sql-server';

/** A database that went through all steps of the schema. */
interface Template {
  name: string;
  tables: string[];
  /** Those of them that have rows. */
  filled: string[];
}

/** One on each server, for this worker. */
const templates = new Map<SqlServer, Promise<Template>>();

async function newTemplate(server: SqlServer): Promise<Template> {
  const url = await server.createDatabase();
  const database = openDatabase(url);
  try {
    await migrate(database);
  } finally {
    await database.close();
  }
  const connection = await mysql.createConnection({ uri: url });
  try {
    const template: Template = { name: new URL(url).pathname.slice(1), tables: [], filled: [] };
    const [tables] = await connection.query<mysql.RowDataPacket[]>(
      'select table_name as name from information_schema.tables where table_schema = ?',
      [template.name],
    );
    for (const { name } of tables as { name: string }[]) {
      template.tables.push(name);
      const [rows] = await connection.query<mysql.RowDataPacket[]>('select 1 from ?? limit 1', [name]);
      if (rows.length > 0) template.filled.push(name);
    }
    return template;
  } finally {
    await connection.end();
  }
}

/**
 * Makes a database that has today's schema and gives its URL. Its tables are copies of one that went through all steps of the
 * schema, which take three times as long.
 */
export async function createWithSchema(server: SqlServer): Promise<string> {
  const template = templates.get(server) ?? newTemplate(server);
  templates.set(server, template);
  const { name: from, tables, filled } = await template;
  const statements = [
    ...tables.map((name) => mysql.format('create table ?? like ??.??', [name, from, name])),
    ...filled.map((name) => mysql.format('insert into ?? select * from ??.??', [name, from, name])),
  ];
  const url = await server.createDatabase();
  const connection = await mysql.createConnection({ uri: url, multipleStatements: true });
  try {
    await connection.query(statements.join(';'));
  } finally {
    await connection.end();
  }
  return url;
}
