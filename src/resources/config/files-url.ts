/** A bucket, as `IM_FILES=s3://bucket/prefix?…` and the AWS variables name it. */
export interface S3Config {
  kind: 's3';
  bucket: string;
  /** Begins each object's key; empty, or it ends with `/`. */
  prefix: string;
  region: string | undefined;
  /** undefined: AWS's own for the region */
  endpoint: string | undefined;
  /** Whether the bucket stands in the path, as MinIO has it, and not in the host's name. */
  pathStyle: boolean;
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string | undefined };
}

/** Where files are kept. */
export type FilesConfig = { kind: 'folder'; folder: string } | S3Config;

/** What the setting says by itself: a bucket's credentials stand elsewhere. */
export type FilesSetting = 'off' | { kind: 'folder'; folder: string } | Omit<S3Config, 'credentials'>;

const PARAMETERS = ['region', 'endpoint', 'path_style'];
/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html; older ones have capitals and underscores. */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/;
const REGION = /^[A-Za-z0-9-]{1,64}$/;

/** Takes `file:<folder>`, `off` or `s3://bucket/prefix?region=&endpoint=&path_style=` apart; undefined: it is none of them. */
export function parseFiles(text: string): FilesSetting | undefined {
  if (text === 'off') return 'off';
  if (text.startsWith('file:')) {
    const folder = text.slice('file:'.length);
    return folder === '' ? undefined : { kind: 'folder', folder };
  }
  return parseS3(text);
}

function parseS3(text: string): FilesSetting | undefined {
  const [, bucket = '', path = '', query = ''] =
    /^s3:\/\/([^/?#]+)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(text) ?? [];
  if (!BUCKET.test(bucket)) return undefined;
  const parameters = new URLSearchParams(query);
  const names = [...parameters.keys()];
  if (!names.every((name, index) => PARAMETERS.includes(name) && names.indexOf(name) === index))
    return undefined;
  const region = parameters.get('region') ?? undefined;
  const endpoint = parameters.get('endpoint') ?? undefined;
  const pathStyle = parameters.get('path_style') ?? 'false';
  if (region !== undefined && !REGION.test(region)) return undefined;
  if (endpoint !== undefined && !isEndpoint(endpoint)) return undefined;
  if (pathStyle !== 'true' && pathStyle !== 'false') return undefined;
  const prefix = path
    .split('/')
    .filter((part) => part !== '')
    .join('/');
  return {
    kind: 's3',
    bucket,
    prefix: prefix === '' ? '' : `${prefix}/`,
    region,
    endpoint,
    pathStyle: pathStyle === 'true',
  };
}

function isEndpoint(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { hash, password, protocol, search, username } = new URL(text);
  return (
    ['http:', 'https:'].includes(protocol) && [hash, password, search, username].every((part) => part === '')
  );
}
