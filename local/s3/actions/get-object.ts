import { checkReadConditions, etagListMatches } from '../conditions.ts';
import { S3Error, invalidArgument } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { requestedVersion } from '../find-version.ts';
import { responseOverrides, versionHeaders } from '../object-headers.ts';
import { parseRange } from '../range.ts';
import type { ByteSpan } from '../range.ts';
import type { VersionRecord } from '../store/records.ts';
import { sendSpan } from '../stream-object.ts';

/** The head of an answer to GET or HEAD, and the bytes that go with it. */
interface ObjectAnswer {
  readonly status: 200 | 206;
  readonly headers: Record<string, string>;
  readonly record: VersionRecord;
  /** Absent for an empty body. */
  readonly span: ByteSpan | undefined;
}

/** GetObject: a version's bytes, or a range or part of them. */
export async function getObject(exchange: Exchange): Promise<void> {
  const { status, headers, record, span } = prepareAnswer(exchange);
  exchange.res.writeHead(status, headers);
  if (span === undefined) exchange.res.end();
  else await sendSpan(exchange.res, exchange.store.blobs, record.parts, span);
}

/** HeadObject: what GetObject would say, without its bytes. */
export async function headObject(exchange: Exchange): Promise<void> {
  const { status, headers } = prepareAnswer(exchange);
  exchange.sendEmpty(status, headers);
}

function prepareAnswer(exchange: Exchange): ObjectAnswer {
  const record = requestedVersion(exchange);
  checkReadConditions(exchange, record);
  const partial = selectSpan(exchange, record);
  const span = partial?.span ?? wholeSpan(record);
  const length = span === undefined ? 0 : span.end - span.start + 1;
  const headers: Record<string, string> = {
    ...versionHeaders(exchange, record, { checksum: partial === undefined }),
    ...responseOverrides(exchange),
    ...partial?.headers,
    'content-length': String(length),
  };
  if (partial === undefined) return { status: 200, headers, record, span };
  if (span !== undefined) headers['content-range'] = `bytes ${span.start}-${span.end}/${record.sizeBytes}`;
  return { status: 206, headers, record, span };
}

interface Partial {
  readonly span: ByteSpan | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/** What part of the object is asked for; undefined for all of it. */
function selectSpan(exchange: Exchange, record: VersionRecord): Partial | undefined {
  const range = exchange.header('range');
  const partNumber = exchange.query.get('partNumber');
  if (partNumber !== undefined) {
    if (range !== undefined)
      throw new S3Error(
        'InvalidRequest',
        {},
        { message: 'Cannot specify both Range header and partNumber query parameter' },
      );
    return selectPart(record, partNumber);
  }
  if (range === undefined || exchange.hasFault('ignore-range') || !ifRangeHolds(exchange, record)) {
    return undefined;
  }
  const span = parseRange(range, record.sizeBytes);
  if (span === 'whole') return undefined;
  if (span === 'unsatisfiable') {
    throw new S3Error(
      'InvalidRange',
      { RangeRequested: range, ActualObjectSize: String(record.sizeBytes) },
      { headers: { 'content-range': `bytes */${record.sizeBytes}` } },
    );
  }
  return { span: exchange.hasFault('wrong-range') ? shift(span) : span, headers: {} };
}

function selectPart(record: VersionRecord, text: string): Partial {
  const partNumber = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (partNumber < 1 || partNumber > 10_000) {
    throw invalidArgument(
      'Part number must be an integer between 1 and 10000, inclusive',
      'partNumber',
      text,
    );
  }
  const part = record.parts[partNumber - 1];
  if (part === undefined) {
    // An empty object has no blob, and yet its part 1.
    if (partNumber === 1 && record.sizeBytes === 0) return { span: undefined, headers: {} };
    throw new S3Error('InvalidPartNumber', {
      PartNumberRequested: text,
      ActualPartCount: String(record.parts.length),
    });
  }
  const start = record.parts.slice(0, partNumber - 1).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const headers =
    record.uploadId === undefined ? {} : { 'x-amz-mp-parts-count': String(record.parts.length) };
  const span = part.sizeBytes === 0 ? undefined : { start, end: start + part.sizeBytes - 1 };
  return { span, headers };
}

/** If-Range keeps a client from joining bytes of two versions. @see https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5 */
function ifRangeHolds(exchange: Exchange, record: VersionRecord): boolean {
  const validator = exchange.header('if-range');
  if (validator === undefined) return true;
  if (validator.includes('"')) return !validator.startsWith('W/') && etagListMatches(validator, record.etag);
  return Date.parse(validator) === Math.floor(record.modifiedAtMs / 1000) * 1000;
}

function wholeSpan(record: VersionRecord): ByteSpan | undefined {
  return record.sizeBytes === 0 ? undefined : { start: 0, end: record.sizeBytes - 1 };
}

/** Another range than the one asked for, within the object. */
function shift({ start, end }: ByteSpan): ByteSpan {
  if (start < end) return { start: start + 1, end };
  return start > 0 ? { start: start - 1, end } : { start, end };
}
