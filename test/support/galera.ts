import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import mysql from 'mysql2/promise';
import { freePort } from './free-port';
import { hasMariaDb, startMariaDb } from './private-mariadb';
import { type PrivateSqlServer } from './private-sql-server';
import { waitUntil } from './wait-until';

/** Where distributions put it: Debian and its like, Red Hat and its like. */
const LIBRARIES = [
  '/usr/lib/galera/libgalera_smm.so',
  '/usr/lib/libgalera_smm.so',
  '/usr/lib64/galera-4/libgalera_smm.so',
];
const JOIN_LIMIT_MS = 40_000;

function library(): string | undefined {
  return LIBRARIES.find((file) => existsSync(file));
}

export function hasGalera(): boolean {
  return hasMariaDb() && library() !== undefined;
}

export interface GaleraCluster {
  readonly nodes: readonly [PrivateSqlServer, PrivateSqlServer];
  /** Makes an empty database and gives its URL on each of the nodes. */
  createDatabase(): Promise<readonly [string, string]>;
  /** Stops both and deletes their data. */
  remove(): Promise<void>;
}

/**
 * Starts a cluster of two nodes on 127.0.0.1. Usually a node that joins copies the data of another one. Here both are installed
 * alike, which is called state 0 of the cluster. The start of the first node is state 1, and the second node begins there.
 * @throws where Galera is not installed or the second node does not join
 */
export async function startGalera(): Promise<GaleraCluster> {
  const id = randomUUID();
  const port = await freePort();
  const nodes = [await startMariaDb(), await startMariaDb()] as const;
  const [first, second] = nodes;
  const remove = async () => {
    for (const node of [second, first]) await node.remove();
  };
  try {
    await startNode(first, `${id}:0`, port, 'gcomm://');
    await startNode(second, `${id}:1`, await freePort(), `gcomm://127.0.0.1:${port}`);
    for (const node of nodes) await joined(node, nodes.length);
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    nodes,
    createDatabase: async () => {
      const url = await first.createDatabase();
      const other = second.url(new URL(url).pathname.slice(1));
      await waitUntil(
        () => canConnect(other),
        JOIN_LIMIT_MS,
        () => `the second node has not got the database of ${url}`,
      );
      return [url, other];
    },
    remove,
  };
}

/** Starts a MariaDB again, as a node that has come as far as `state`. @param port on which the nodes talk to it */
async function startNode(
  node: PrivateSqlServer,
  state: string,
  port: number,
  cluster: string,
): Promise<void> {
  await node.stop();
  const [id, number] = state.split(':');
  const saved = `version: 2.1\nuuid: ${id}\nseqno: ${number}\nsafe_to_bootstrap: 1\n`;
  await writeFile(path.join(node.data, 'grastate.dat'), saved);
  const provider = [
    `gmcast.listen_addr=tcp://127.0.0.1:${port}`,
    `ist.recv_addr=127.0.0.1:${await freePort()}`,
    'gcache.size=16M',
  ];
  await node.start([
    '--wsrep-on=ON',
    `--wsrep-provider=${library()}`,
    `--wsrep-cluster-address=${cluster}`,
    `--wsrep-provider-options=${provider.join(';')}`,
    '--wsrep-node-address=127.0.0.1',
    '--wsrep-sst-method=skip',
    '--binlog-format=ROW',
    '--default-storage-engine=InnoDB',
    '--innodb-autoinc-lock-mode=2',
  ]);
}

async function joined(node: PrivateSqlServer, size: number): Promise<void> {
  const connection = await mysql.createConnection(node.base);
  let state = new Map<string, string>();
  try {
    await waitUntil(
      async () => {
        const [rows] = await connection.query<mysql.RowDataPacket[]>("show status like 'wsrep_%'");
        state = new Map(
          (rows as { Variable_name: string; Value: string }[]).map((row) => [row.Variable_name, row.Value]),
        );
        return state.get('wsrep_ready') === 'ON' && state.get('wsrep_cluster_size') === String(size);
      },
      JOIN_LIMIT_MS,
      () => `a node has not joined: ready ${state.get('wsrep_ready')}, of ${state.get('wsrep_cluster_size')}`,
    );
  } finally {
    await connection.end();
  }
}

async function canConnect(url: string): Promise<boolean> {
  try {
    await (await mysql.createConnection(url)).end();
    return true;
  } catch {
    return false;
  }
}
