// @aws-sdk/lib-storage as it comes. Arguments: ENDPOINT BUCKET KEY PATH.
import { createReadStream } from 'node:fs';
import { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { say, secondsSince } from './say.js';

const [endpoint, Bucket, Key, path] = process.argv.slice(2);
const client = new S3Client({ endpoint, forcePathStyle: true });
const startedMs = performance.now();
await new Upload({ client, params: { Bucket, Key, Body: createReadStream(path) } }).done();
say({ insideSeconds: secondsSince(startedMs) });
client.destroy();
