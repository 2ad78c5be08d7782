// Waybill with the URL service. Argument: a JSON file {event, stores, path, urlService, region, options}.
import { readFileSync } from 'node:fs';
import { download, urlServiceClient } from '../../dist/consumers/index.js';
import { parseEvent } from '../../dist/shared/events/index.js';
import { say, secondsSince } from './say.js';

const { event, stores, path, urlService, region, options } = JSON.parse(
  readFileSync(process.argv[2], 'utf8'),
);
const [attachment] = parseEvent(event).data.attachments;
const urlSource = urlServiceClient({ endpoint: urlService, region });
const startedMs = performance.now();
const result = await download(attachment, { path }, { stores, urlSource, ...options });
const { refetches, retries, fetchedBytes, verified } = result;
say({ insideSeconds: secondsSince(startedMs), refetches, retries, fetchedBytes, verified });
