// Waybill. Argument: a JSON file {endpoint, bucket, key, path, digest, options}.
import { readFileSync } from 'node:fs';
import {
  createUploadTransport,
  fileSource,
  resolveStores,
  upload,
} from '../../dist/producers/upload/index.js';
import { say, secondsSince } from './say.js';

const { bucket, key, path, endpoint, digest, options } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const {
  AWS_REGION: region,
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
} = process.env;
const store = resolveStores({ bench: { bucket, region, endpoint } }).get('bench');
const transport = createUploadTransport({ ...options, store, credentials: { accessKeyId, secretAccessKey } });
const startedMs = performance.now();
const { size, parts, crc32c } = await upload(
  fileSource(path),
  { bucket, key, mediaType: 'application/octet-stream' },
  { transport, options, digest },
);
say({ insideSeconds: secondsSince(startedMs), size, parts, crc32c });
transport.close?.();
