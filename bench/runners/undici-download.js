// undici's request(). Arguments: URL PATH, or URL - to drop the bytes, or URL -- to drop and hash them.
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { Agent, request } from 'undici';
import { discard, say, secondsSince } from './say.js';

const [url, path] = process.argv.slice(2);
const startedMs = performance.now();
const dispatcher = new Agent();
const { statusCode, body } = await request(url, { dispatcher });
if (statusCode !== 200) throw new Error(`HTTP ${statusCode}`);
const sink = path.startsWith('-') ? discard(path === '--') : undefined;
await pipeline(body, sink?.writable ?? createWriteStream(path));
say({ insideSeconds: secondsSince(startedMs), ...sink?.result() });
await dispatcher.close();
