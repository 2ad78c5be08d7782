// undici's request(), many small payloads into memory. Argument: a JSON file {items, lanes, verify}.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import { inLanes, say, secondsSince } from './say.js';

const { items, lanes, verify } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const dispatcher = new Agent({ connections: lanes });
let bytes = 0;
const startedMs = performance.now();
await inLanes(items, lanes, async ({ key, digest, url }) => {
  const { statusCode, body: stream } = await request(url, { dispatcher });
  if (statusCode !== 200) throw new Error(`HTTP ${statusCode}`);
  const body = Buffer.from(await stream.arrayBuffer());
  bytes += body.length;
  if (verify && `sha-256=:${createHash('sha256').update(body).digest('base64')}:` !== digest)
    throw new Error(`${key}: other bytes`);
});
say({ insideSeconds: secondsSince(startedMs), bytes });
await dispatcher.close();
