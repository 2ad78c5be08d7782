// Waybill. Argument: a JSON file {endpoint, bucket, key, path, digest, options}.
import { readFileSync } from 'node:fs';
import {
  createUploadTransport,
  fileSource,
  resolveUploadOptions,
  upload,
} from '../../dist/producers/upload/index.js';
import { systemClock } from '../../dist/shared/clock.js';
import { silentLogger } from '../../dist/shared/logger.js';
import { resolveStores } from '../../dist/shared/stores.js';
import { say, secondsSince } from './say.js';

const job = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { bucket, key, path, endpoint } = job;
const region = process.env.AWS_REGION;
const store = resolveStores({ bench: { bucket, region, endpoint, pathStyle: true } }).get('bench');
const options = resolveUploadOptions(job.options);
const credentials = {
  accessKeyId: process.env.AWS_ACCESS_KEY_ID,
  secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
};
const transport = createUploadTransport({ ...options, store, credentials });
const startedMs = performance.now();
const { size, parts, crc32c } = await upload(
  fileSource(path),
  { bucket, key, mediaType: 'application/octet-stream' },
  { transport, options, clock: systemClock, random: Math.random, logger: silentLogger, digest: job.digest },
);
say({ insideSeconds: secondsSince(startedMs), size, parts, crc32c });
transport.close?.();
