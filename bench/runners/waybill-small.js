// Waybill, many small payloads into memory. Argument: a JSON file {items, stores, lanes, verify, options}.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  createTransport,
  downloadBytes,
  resolveStores,
  SecretUrl,
} from '../../dist/consumers/download/index.js';
import { inLanes, say, secondsSince } from './say.js';

const {
  items,
  stores: configured,
  lanes,
  verify,
  options,
} = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const stores = resolveStores(configured);
// One transport for all, as a worker has: connections are kept
const transport = createTransport({ kind: options.transport ?? 'auto' });
const issuedAt = new Date().toISOString();
const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
const every = { ...options, stores, transport };
let bytes = 0;
const startedMs = performance.now();
await inLanes(items, lanes, async ({ key, size, digest, crc32c, url }) => {
  const attachment = {
    id: 'a',
    name: key,
    mediaType: 'application/octet-stream',
    size,
    digest,
    checksum: { algorithm: 'CRC32C', value: crc32c, type: 'FULL_OBJECT' },
    store: 'bench',
    key,
    versionId: 'v1',
    access: { method: 'GET', url: new SecretUrl(url), issuedAt, expiresAt },
    retainUntil: expiresAt,
  };
  const body = await downloadBytes(attachment, { maxBytes: size }, every);
  bytes += body.length;
  if (verify && `sha-256=:${createHash('sha256').update(body).digest('base64')}:` !== digest)
    throw new Error(`${key}: other bytes`);
});
say({ insideSeconds: secondsSince(startedMs), bytes });
await transport.close();
