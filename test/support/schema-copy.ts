import mysql from 'mysql2/promise';
import { openDatabase } from '../../src/db/database';
import { migrate } from '../../src/db/migrate';
import { type SqlServer } from './sql-server';

/** One on each server, for this worker. */
const templates = new Map<SqlServer, Promise<string>>();

async function newTemplate(server: SqlServer): Promise<string> {
  const url = await server.createDatabase();
  const database = openDatabase(url);
  try {
    await migrate(database);
  } finally {
    await database.close();
  }
  return url;
}

/**
 * Makes a database that has today's schema and gives its URL. Its tables are copies of one that went through all steps of the
 * schema, which take three times as long.
 */
export async function createWithSchema(server: SqlServer): Promise<string> {
  const template = templates.get(server) ?? newTemplate(server);
  templates.set(server, template);
  const from = new URL(await template).pathname.slice(1);
  const url = await server.createDatabase();
  const connection = await mysql.createConnection({ uri: url });
  try {
    const [tables] = await connection.query<mysql.RowDataPacket[]>(
      'select table_name as name from information_schema.tables where table_schema = ?',
      [from],
    );
    for (const { name } of tables as { name: string }[]) {
      await connection.query('create table ?? like ??.??', [name, from, name]);
      await connection.query('insert into ?? select * from ??.??', [name, from, name]);
    }
  } finally {
    await connection.end();
  }
  return url;
}
