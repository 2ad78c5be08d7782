// Waybill. Argument: a JSON file {attachment, stores, path?, verify?, options}; without path the bytes are dropped.
import { readFileSync } from 'node:fs';
import { download } from '../../dist/consumers/download/index.js';
import { attachmentSchema } from '../../dist/shared/events/index.js';
import { discard, say, secondsSince } from './say.js';

const job = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const attachment = attachmentSchema.parse(job.attachment);
const sink = job.path === undefined ? discard(job.verify) : undefined;
const target = sink === undefined ? { path: job.path } : { writable: sink.writable };
const startedMs = performance.now();
const { verified, fetchedBytes } = await download(attachment, target, { stores: job.stores, ...job.options });
say({ insideSeconds: secondsSince(startedMs), verified, fetchedBytes, ...sink?.result() });
