import { type Readable } from 'node:stream';
import { type FilesConfig, type ProxyConfig } from '../resources/config/config';
import { FolderStore } from './folder-store';
import { openS3Store } from './s3-store';

/** A part of an object: bytes `start` to `end`, both included. */
export interface ByteRange {
  start: number;
  end: number;
}

/** An object of the store. */
export interface StoredObject {
  name: string;
  /** ms since the epoch */
  modified: number;
}

/**
 * Where files are kept: objects by name. Names are ours: letters, digits, `.` and `-`.
 * Every method throws AppError `unavailable` where the place is away or full, and within 10 s.
 */
export interface FileStore {
  /** For the log; without keys. */
  readonly description: string;
  /** The folder on this machine for what is being received. It may not exist yet. */
  readonly incoming: string;
  /** Whether it is on this machine: a place far away is not asked at the start. */
  readonly isLocal: boolean;
  /** Stores a file of `incoming` under `name`, and takes it away from there. */
  put(name: string, path: string, mime: string): Promise<void>;
  /** The object's bytes; undefined where there is no such object. */
  open(name: string, range?: ByteRange): Promise<Readable | undefined>;
  /** Removes an object; one that is not there is no error. */
  remove(name: string): Promise<void>;
  /** All objects, in no order. */
  list(): AsyncIterable<StoredObject>;
  close(): void;
}

/** Opens the place that the setting names. It is asked nothing yet. */
export function openStore(config: FilesConfig, proxy: ProxyConfig | undefined): FileStore {
  return config.kind === 'folder' ? new FolderStore(config.folder) : openS3Store(config, proxy);
}
