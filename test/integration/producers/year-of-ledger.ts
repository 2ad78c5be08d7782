import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ledgerLine } from '../../../producers/ledger/entry.ts';
import { HOUR_MS, hourFolder, segmentTime } from '../../../producers/ledger/segment-key.ts';
import { parseEvent } from '../../../shared/events/index.ts';

const HOURS = 365 * 24;
const PRODUCERS = ['billing', 'scans'];
const SEGMENTS = 6;
const EVENTS = 10;
const PAGE = 1000;

/** S3 with a year of ledger in it, worked out as it is asked for: a million events would take minutes to write. */
export interface YearOfLedger extends AsyncDisposable {
  readonly endpoint: string;
  readonly events: number;
  /** What was asked for: prefix of a listing, or key. */
  readonly asked: string[];
}

export async function startYearOfLedger(startMs: number): Promise<YearOfLedger> {
  const keys: string[] = [];
  for (let hour = 0; hour < HOURS; hour += 1)
    for (const producer of PRODUCERS)
      for (let segment = 0; segment < SEGMENTS; segment += 1)
        keys.push(keyOf(startMs, hour, producer, segment));
  keys.sort();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://s3');
    const key = decodeURIComponent(pathname.replace(/^\/control\/?/, ''));
    asked.push(key === '' ? `list ${searchParams.get('prefix')}` : `get ${key}`);
    response.setHeader('etag', '"e"');
    response.end(key === '' ? listing(keys, searchParams) : bodyOf(key));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    events: keys.length * EVENTS,
    asked,
    [Symbol.asyncDispose]: async () => await closed(server),
  };
}

function keyOf(startMs: number, hour: number, producer: string, segment: number): string {
  const ms = startMs + hour * HOUR_MS + segment * (HOUR_MS / SEGMENTS);
  const token = `${segment}${producer.length}`.padStart(12, '0');
  return `${hourFolder(ms)}${producer}/${segmentTime(ms)}-${token}.ndjson`;
}

/** ListObjectsV2, with prefix, delimiter, start-after and continuation. */
function listing(keys: readonly string[], asked: URLSearchParams): string {
  const prefix = asked.get('prefix') ?? '';
  const delimiter = asked.get('delimiter') ?? '';
  const after = asked.get('continuation-token') ?? asked.get('start-after') ?? '';
  const found = new Set<string>();
  let last = '';
  let isTruncated = false;
  for (let at = firstFrom(keys, prefix); keys[at]?.startsWith(prefix) === true; at += 1) {
    const key = keys[at]!;
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const entry = end < 0 ? key : key.slice(0, end + 1);
    if (entry <= after || key <= after || found.has(entry)) continue;
    if (found.size === PAGE) {
      isTruncated = true;
      break;
    }
    found.add(entry);
    last = entry;
  }
  const entries = [...found].map((entry) =>
    entry.endsWith('/')
      ? `<CommonPrefixes><Prefix>${entry}</Prefix></CommonPrefixes>`
      : `<Contents><Key>${entry}</Key><Size>1</Size><ETag>"e"</ETag></Contents>`,
  );
  const next = isTruncated ? `<NextContinuationToken>${last}</NextContinuationToken>` : '';
  return `<ListBucketResult><IsTruncated>${isTruncated}</IsTruncated>${next}${entries.join('')}</ListBucketResult>`;
}

function firstFrom(keys: readonly string[], prefix: string): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle]! < prefix) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Ten events, which say where they stand. */
function bodyOf(key: string): string {
  const [, , , producer = '', file = ''] = key.split('/');
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)/.exec(file) ?? [];
  const time = `${y}-${mo}-${d}T${h}:${mi}:${s}.000Z`;
  const lines = Array.from({ length: EVENTS }, (_, index) =>
    ledgerLine({
      publishedAt: time,
      eventBridgeId: `${index}`,
      bus: 'exchange',
      producer,
      event: parseEvent({
        specversion: '1.0',
        waybillversion: 1,
        id: `01980000-0000-7000-8000-00000000000${index}`,
        type: 'invoice.created',
        source: producer,
        subject: `${key} ${index}`,
        time,
        data: { attachments: [] },
      }),
    }),
  );
  return `${lines.join('\n')}\n`;
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
