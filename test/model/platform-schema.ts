import { type Database } from '../../src/db/database';
import { sql } from 'kysely';

let schemas = 0;

/** Runs statements as they stand, one after the other. */
export async function run(database: Database, ...statements: string[]): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(database.kysely);
}

export async function rowsOf(database: Database, statement: string): Promise<Record<string, unknown>[]> {
  return (await sql.raw<Record<string, unknown>>(statement).execute(database.kysely)).rows;
}

/** A schema with empty tables in the platform's shape, on the same server as `database`. @returns its name */
export async function platformSchema(database: Database, collation = 'utf8mb4_general_ci'): Promise<string> {
  const schema = `wlyy-${++schemas}`;
  const options = `charset ${collation.split('_')[0]} collate ${collation}`;
  const person = `(id int auto_increment primary key, code varchar(50), name varchar(200), sex varchar(2), birthday datetime,
    photo varchar(255), openid varchar(64), password varchar(64), key code (code)) ${options}`;
  await run(
    database,
    `create database \`${schema}\``,
    `create table \`${schema}\`.wlyy_doctor ${person}`,
    `create table \`${schema}\`.wlyy_patient ${person}`,
    `create table \`${schema}\`.wlyy_consult (id int auto_increment primary key, code varchar(50) unique, type int,
      patient varchar(50), title varchar(100), symptoms varchar(500), status int, czrq datetime) ${options}`,
    `create table \`${schema}\`.wlyy_consult_team (id int auto_increment primary key, consult varchar(50), admin_team_code int,
      sign_code varchar(50), doctor varchar(50), key consult (consult)) ${options}`,
  );
  return schema;
}
