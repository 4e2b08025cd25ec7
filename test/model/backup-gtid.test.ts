import path from 'node:path';
import mysql from 'mysql2/promise';
import should from 'should';
import { hasMySqlServer, startMySql } from '../support/private-mysql';
import { type PrivateSqlServer } from '../support/private-sql-server';
import { removeFolder, temporaryFolder } from '../support/processes';
import { TestServer } from '../support/server';
import { noteOnce } from '../support/shared-servers';
import { runOperatorCommand } from './operator-command';

const ACCOUNT = { user: 'im', password: 'im-"of\\a#test' };

describe('A backup of a MySQL with GTIDs', function () {
  this.timeout(60_000);
  let sqlServer: PrivateSqlServer | undefined;
  let root: mysql.Connection;
  let folder: string;

  before(async function () {
    if (!hasMySqlServer()) {
      await noteOnce("Skipped: backups with GTIDs need Oracle's mysqld on the PATH");
      this.skip();
    }
    folder = temporaryFolder('im-gtid-');
    sqlServer = await startMySql();
    await sqlServer.stop();
    await sqlServer.start(['--gtid-mode=ON', '--enforce-gtid-consistency=ON', '--log-bin=binlog']);
    root = await mysql.createConnection(sqlServer.base);
    // As the operator's guide has it.
    await root.query(`create user ?@'%' identified by ?`, [ACCOUNT.user, ACCOUNT.password]);
  });
  after(async () => {
    if (sqlServer === undefined) return;
    await root.end();
    await sqlServer.remove();
    removeFolder(folder);
  });

  async function emptyDatabase(name: string): Promise<string> {
    await root.query(`create database ${name} character set utf8mb4`);
    await root.query(`grant all on ${name}.* to ?@'%'`, [ACCOUNT.user]);
    const url = new URL(`${sqlServer!.base}${name}`);
    url.username = ACCOUNT.user;
    url.password = encodeURIComponent(ACCOUNT.password);
    return url.href;
  }

  it('is made and restored by the server’s own account', async () => {
    const url = await emptyDatabase('im');
    const server = await TestServer.start({ IM_DATABASE_URL: url });
    const file = path.join(folder, 'im.backup');
    try {
      await server.users('D1', 'P1');
      await server.session('s1', 1, 'D1', 'P1');
      await server.send('s1', 'P1', '您好');
      const made = await runOperatorCommand('backup', ['--out', file], { IM_DATABASE_URL: url });
      should(made).match({ status: 0, stderr: '' });
    } finally {
      await server.stop();
    }
    const other = await emptyDatabase('im_restored');
    const back = await runOperatorCommand('backup', ['--restore', file], { IM_DATABASE_URL: other });
    should(back).match({ status: 0, stderr: '' });
    const [rows] = await root.query('select content from im_restored.muc_messages');
    should(rows).match([{ content: /您好/ }]);
  });
});
