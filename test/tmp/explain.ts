import mysql from 'mysql2/promise';
import { startMariaDb } from '../support/private-mariadb';
import { openDatabase } from '../../src/db/database';
import { migrate } from '../../src/db/migrate';
(async () => {
  const db = await startMariaDb({});
  try {
    const url = await db.createDatabase();
    const d = openDatabase(url);
    await migrate(d); await d.close();
    const c = await mysql.createConnection({ uri: url, charset: 'UTF8MB4_BIN', dateStrings: true, multipleStatements: true });
    const now = '2026-11-22 10:00:00.000';
    for (let i = 0; i < 300; i++) {
      await c.query('insert into sessions (id,type,name,business_type,create_date,clock_time) values (?,1,?,2,?,?)', ['s' + i, 'x', now, now]);
      await c.query('insert into participants (session_id,participant_id,type,last_fetch_time) values (?,?,?,?),(?,?,?,?)', ['s' + i, 'D' + i, 'doctor', now, 's' + i, 'P' + i, 'patient', now]);
    }
    const show = async (sql: string, v: unknown[]) => { const [r] = await c.query('explain ' + sql, v); console.table((r as any[]).map(({ table, type, key, rows, Extra }) => ({ table, type, key, rows, Extra }))); };
    const dv = (n: number) => Array.from({ length: n }, (_, i) => i === 0 ? 'select ? as v_id, ? as v_t' : 'select ?, ?').join(' union all ');
    for (const n of [1, 3, 30]) {
      const vals = Array.from({ length: n }, (_, i) => ['s' + i, now]).flat();
      await show(`update sessions join (${dv(n)}) as v on sessions.id = v.v_id set clock_time = cast(v.v_t as datetime(3))`, vals);
    }
    const vals = Array.from({ length: 3 }, (_, i) => ['s' + i, 'D' + i]).flat();
    await show(`update participants join (${dv(3)}) as v on participants.session_id = v.v_id and participants.participant_id = v.v_t set last_sent_time = now()`, vals);
    for (const n of [1, 3, 30]) {
    let t = performance.now();
    for (let i = 0; i < 300; i++) { const vals = Array.from({ length: n }, (_, i) => ['s' + i, now]).flat(); await c.query(`update sessions join (${dv(n)}) as v on sessions.id = v.v_id set clock_time = cast(v.v_t as datetime(3))`, vals); }
    console.log('join', n, (performance.now() - t) / 300);
    t = performance.now();
    for (let i = 0; i < 300; i++) { await c.query(Array.from({ length: n }, () => 'update sessions set clock_time = ? where id = ?').join(';'), Array.from({ length: n }, (_, i) => [now, 's' + i]).flat()); }
    console.log('many', n, (performance.now() - t) / 300);
    }
    await c.end();
  } finally { await db.remove(); }
})();
