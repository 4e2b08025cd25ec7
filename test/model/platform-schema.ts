import { sql } from 'kysely';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Database } from '../../src/db/database';
import {
  PLATFORM_VIEWS,
  type PlatformView,
  type PlatformViewsPlan,
} from '../../src/model/platform/platform-views';
import { numbers } from '../support/numbers';

export const NAMES = Object.keys(PLATFORM_VIEWS) as PlatformView[];

/** The SQL files that come with the server. */
export const FILES = path.resolve(__dirname, '../../src/platform-views');
export const SHIPPED = Object.fromEntries(
  NAMES.map((name) => [name, readFileSync(path.join(FILES, `${name}.sql`), 'utf8')]),
) as PlatformViewsPlan['definitions'];

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
  // With the name of our database in it: no other suite has it, and it is dropped with ours.
  const [own] = await rowsOf(database, 'select database() as name');
  const schema = `${String(own?.name)}-wlyy-${++schemas}`;
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

/** A platform with some people in it. @returns its schema */
export async function platform(database: Database, collation?: string): Promise<string> {
  const schema = await platformSchema(database, collation);
  await run(
    database,
    `insert into \`${schema}\`.wlyy_doctor (code, name, sex, birthday, photo, openid) values
      ('D1', '张医生', '1', '1970-02-28', 'https://photos.example.com/d1.png', 'doctor-openid'), ('d2', '李', null, null, '', null)`,
    `insert into \`${schema}\`.wlyy_patient (code, name, sex, birthday, photo, openid) values
      ('P1', '王病人', '2', '1980-12-31', null, 'openid-P1'), ('P2', '  ', '7', null, null, ''), ('P3', repeat('长', 150), null, null, null, null)`,
    // Enough that the optimizer has a choice.
    `insert into \`${schema}\`.wlyy_doctor (code, name) select concat('X', seq), 'x' from ${numbers(1, 2000)}`,
    `insert into \`${schema}\`.wlyy_patient (code, name) select concat('Y', seq), 'y' from ${numbers(1, 2000)}`,
    `insert into \`${schema}\`.wlyy_consult (code, type, patient, title, symptoms, status, czrq)
      values ('T1', 1, 'P1', '头疼', '三天了', 0, '2026-11-22 16:00:00')`,
    `insert into \`${schema}\`.wlyy_consult_team (consult, admin_team_code, sign_code, doctor) values ('T1', 7, 'd2', 'D1')`,
    `analyze table \`${schema}\`.wlyy_doctor, \`${schema}\`.wlyy_patient`,
  );
  return schema;
}

/** Puts the server's own tables back, empty. */
export async function ownTables(database: Database): Promise<void> {
  for (const name of NAMES)
    await run(database, `drop view if exists ${name}`, `drop table if exists ${name}, ${name}_own`);
  for (const name of ['doctors', 'patients']) {
    await run(
      database,
      `create table ${name} (id varchar(128) not null primary key, name varchar(100) not null, sex smallint not null default 0,
        birthdate date, avatar varchar(2048), openid varchar(128)) charset utf8mb4 collate utf8mb4_bin`,
    );
  }
}
