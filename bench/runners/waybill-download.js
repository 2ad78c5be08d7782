// Waybill. Argument: a JSON file {attachment, stores, path?, verify?, options}; without path the bytes are dropped.
import { readFileSync } from 'node:fs';
import { download, SecretUrl } from '../../dist/consumers/download/index.js';
import { discard, say, secondsSince } from './say.js';

const job = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { access, ...rest } = job.attachment;
const attachment = { ...rest, access: { ...access, url: new SecretUrl(access.url) } };
const sink = job.path === undefined ? discard(job.verify) : undefined;
const target = sink === undefined ? { path: job.path } : { writable: sink.writable };
const startedMs = performance.now();
const { verified, fetchedBytes } = await download(attachment, target, { stores: job.stores, ...job.options });
say({ insideSeconds: secondsSince(startedMs), verified, fetchedBytes, ...sink?.result() });
