// Node's own fetch. Arguments: URL PATH, or URL - to drop the bytes, or URL -- to drop and hash them.
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { discard, say, secondsSince } from './say.js';

const [url, path] = process.argv.slice(2);
const startedMs = performance.now();
const response = await fetch(url);
if (!response.ok) throw new Error(`HTTP ${response.status}`);
const sink = path.startsWith('-') ? discard(path === '--') : undefined;
await pipeline(Readable.fromWeb(response.body), sink?.writable ?? createWriteStream(path));
say({ insideSeconds: secondsSince(startedMs), ...sink?.result() });
