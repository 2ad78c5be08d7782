// Node's own fetch, many small payloads into memory. Argument: a JSON file {items, lanes, verify}.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { inLanes, say, secondsSince } from './say.js';

const { items, lanes, verify } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
let bytes = 0;
const startedMs = performance.now();
await inLanes(items, lanes, async ({ key, digest, url }) => {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  const body = Buffer.from(await response.arrayBuffer());
  bytes += body.length;
  if (verify && `sha-256=:${createHash('sha256').update(body).digest('base64')}:` !== digest)
    throw new Error(`${key}: other bytes`);
});
say({ insideSeconds: secondsSince(startedMs), bytes });
