import fc from 'fast-check';

/** Text that may stand in a request line: no white space, no control characters. */
const junkSegment = fc.string({
  unit: fc.constantFrom(...'ab0%.~!$&()*+,;=:@-_#|<>[]{}"\\^`'.split('')),
  maxLength: 12,
});

/** Pieces of paths that have hurt somebody before. */
const nastySegment = fc.constantFrom(
  '',
  '.',
  '..',
  '...',
  '%2e',
  '%2e%2e',
  '..%2f..',
  '%2F',
  '%5c..%5c',
  '%00',
  'a%00b',
  '%',
  '%zz',
  '%ff',
  '%c0%af',
  '%F0%9F%93%A6',
  '%EF%BF%BF',
  '%ED%A0%80',
  'con',
  '~',
  '__proto__',
  'constructor',
  'toString',
  'bucket',
  'kept',
  '%0d%0a',
  '+',
  '%20',
  'a'.repeat(1024),
  'a'.repeat(1025),
  '%F0%9F%93%A6'.repeat(256),
  '%F0%9F%93%A6'.repeat(257),
);

const encoded = fc.string({ unit: 'binary', maxLength: 20 }).map((text) => {
  try {
    return encodeURIComponent(text);
  } catch {
    return '%EF%BF%BD'; // a lone surrogate has no encoding
  }
});

/** The path of a request, without its query. */
export const rawPath: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom('/bucket/', '/kept/', '/', '/bucket', '//', '/_waybill/', ''),
    fc.array(fc.oneof(nastySegment, junkSegment, encoded), { maxLength: 6 }),
  )
  .map(([head, segments]) => `${head}${segments.join('/')}`.replaceAll('?', '') || '/');

const PARAMETERS = [
  'acl',
  'cors',
  'delete',
  'location',
  'policy',
  'tagging',
  'versioning',
  'versions',
  'uploads',
  'uploadId',
  'partNumber',
  'versionId',
  'list-type',
  'prefix',
  'delimiter',
  'max-keys',
  'continuation-token',
  'start-after',
  'marker',
  'key-marker',
  'version-id-marker',
  'encoding-type',
  'fetch-owner',
  'attributes',
  'response-content-type',
  'response-expires',
  'x-id',
  'X-Amz-Expires',
  'X-Amz-Signature',
  'X-Amz-Date',
  'max-parts',
  'part-number-marker',
  'upload-id-marker',
  'max-uploads',
  '__proto__',
] as const;

const parameterValue = fc.oneof(
  fc.constantFrom(
    '',
    '0',
    '1',
    '2',
    '-1',
    '1001',
    '10001',
    '1e9',
    'NaN',
    'null',
    '99999999999999999999',
    'url',
    'true',
    '%00',
    '%F0%9F%93%A6',
    '%',
    'MQ==',
    'MWE=',
  ),
  encoded,
  junkSegment.map((text) => text.replaceAll(/[#&?]/g, '')),
);

/** A query that looks like S3's. */
export const rawQuery: fc.Arbitrary<string> = fc
  .array(
    fc.tuple(
      fc.oneof(
        fc.constantFrom(...PARAMETERS),
        junkSegment.map((text) => text.replaceAll(/[#&?=]/g, '')),
      ),
      fc.option(parameterValue),
    ),
    { maxLength: 5 },
  )
  .map((pairs) => pairs.map(([name, value]) => (value === null ? name : `${name}=${value}`)).join('&'));

export const method = fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH');

const HEADERS = [
  'content-md5',
  'content-type',
  'content-encoding',
  'content-length',
  'transfer-encoding',
  'expect',
  'range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
  'origin',
  'x-amz-acl',
  'x-amz-copy-source',
  'x-amz-copy-source-range',
  'x-amz-copy-source-if-match',
  'x-amz-metadata-directive',
  'x-amz-tagging',
  'x-amz-tagging-directive',
  'x-amz-checksum-crc32',
  'x-amz-checksum-sha256',
  'x-amz-checksum-crc64nvme',
  'x-amz-checksum-algorithm',
  'x-amz-checksum-type',
  'x-amz-sdk-checksum-algorithm',
  'x-amz-trailer',
  'x-amz-decoded-content-length',
  'x-amz-mp-object-size',
  'x-amz-meta-a',
  'x-amz-meta-__proto__',
  'x-amz-security-token',
  'x-amz-expected-bucket-owner',
  'x-amz-storage-class',
  'x-amz-object-attributes',
  'x-amz-max-parts',
  'access-control-request-method',
] as const;

const headerValue = fc.oneof(
  fc.constantFrom(
    '',
    '0',
    '-1',
    '5',
    'bytes=0-',
    'bytes=-0',
    'bytes=-1',
    'bytes=5-2',
    'bytes=0-0,2-3',
    'bytes=99999999999999999999-',
    '*',
    '"x"',
    'W/"x"',
    'Thu, 01 Jan 1970 00:00:00 GMT',
    'aws-chunked',
    'gzip,aws-chunked',
    'chunked',
    '100-continue',
    '/bucket/seed',
    'bucket/..%2f..%2fseed',
    '/bucket/%',
    'bucket/seed?versionId=null',
    'a=1&a=2',
    '=',
    'k=%',
    'CRC32',
    'crc64nvme',
    'COMPOSITE',
    'REPLACE',
    'x-amz-checksum-crc32',
    'AAAAAA==',
    'rL0Y20zC+Fzt72VPzMSk2A==',
    'multipart/form-data; boundary=x',
    'application/json',
    'https://example.test',
  ),
  fc.string({ unit: fc.constantFrom(...'abz09 ;,=/"\'\\%-_:\u00e4\u00ff\t'.split('')), maxLength: 30 }),
);

/** Headers that look like S3's. */
export const headers: fc.Arbitrary<Record<string, string>> = fc
  .array(fc.tuple(fc.constantFrom(...HEADERS), headerValue), { maxLength: 4 })
  .map((pairs) => Object.fromEntries(pairs));

/** A text with a few of its bytes lost, doubled or exchanged. */
export function mutated(seeds: readonly string[]): fc.Arbitrary<string> {
  const edit = fc.tuple(
    fc.nat(),
    fc.nat(12),
    fc.oneof(
      fc.string({ maxLength: 6 }),
      fc.constantFrom('<', '>', '&', '</', '\0', '\uFFFF', '[', '{', '"', '\\', '%', '1e999', '-1', 'null'),
    ),
  );
  return fc.tuple(fc.constantFrom(...seeds), fc.array(edit, { maxLength: 4 })).map(([seed, edits]) => {
    let text = seed;
    for (const [at, drop, insert] of edits) {
      const index = at % (text.length + 1);
      text = text.slice(0, index) + insert + text.slice(index + drop);
    }
    return text;
  });
}

/** Puts a hundred thousand of a text in the place of its short name, so that counterexamples stay readable. */
export const deepened = (text: string): string =>
  text.replaceAll(/DEEP\((.)\)/g, (_, unit: string) =>
    (unit === '<' ? '<a>' : unit === '{' ? '{"a":' : unit).repeat(100_000),
  );
