import { randomUUID } from 'node:crypto';
import { AwsChunkedDecoder } from '../../local/s3/aws-chunked.ts';
import { combineCrc32c, crc32c, crc32cToBase64 } from '../../shared/crc32c.ts';

/** A request without its body. */
export interface Head {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What takes the body of one request. */
export interface Receiver {
  /** The bytes are the caller's again when it returns. */
  body(bytes: Buffer): void;
  end(): Answer;
}

/** An object that a client has completed. */
export interface SinkObject {
  readonly path: string;
  readonly size: number;
  readonly parts: number;
  /** Parts that came with a CRC32C of their own, in a header or a trailer. */
  readonly withCrc32c: number;
  /** Base64, of the whole; undefined unless bodies are verified. */
  readonly crc32c: string | undefined;
  /** Parts whose CRC32C was not the one sent; empty unless bodies are verified. */
  readonly wrongParts: readonly number[];
}

interface Part {
  readonly number: number;
  readonly size: number;
  readonly crc: number;
  readonly claimed: string | undefined;
}

const ETAG = `"${'0'.repeat(32)}"`;

/** Objects under way, and those complete. */
export class S3Sink {
  #verifying = false;
  readonly #uploads = new Map<string, Map<number, Part>>();
  readonly #objects: SinkObject[] = [];

  /** Decides what becomes of a request. */
  receive(head: Head): Receiver {
    const { method, path, query, headers } = head;
    const uploadId = query.get('uploadId') ?? '';
    if (path.startsWith('/-/')) return ignoring(() => this.#control(method, path));
    if (method === 'PUT') return this.#takeBody(head, uploadId, Number(query.get('partNumber') ?? '1'));
    if (method === 'POST' && query.has('uploads')) return ignoring(() => this.#create(path));
    if (method === 'POST') return ignoring(() => this.#complete(path, uploadId, headers));
    if (method === 'DELETE') {
      this.#uploads.delete(uploadId);
      return ignoring(() => answer(204));
    }
    return ignoring(() => answer(404));
  }

  #control(method: string, path: string): Answer {
    if (method === 'POST') {
      this.#verifying = path === '/-/verify';
      return answer(204);
    }
    return answer(200, {}, JSON.stringify(this.#objects.splice(0)));
  }

  #create(path: string): Answer {
    const uploadId = randomUUID();
    this.#uploads.set(uploadId, new Map());
    const [, bucket = '', ...key] = path.split('/');
    return answer(
      200,
      {},
      `<InitiateMultipartUploadResult><Bucket>${bucket}</Bucket><Key>${key.join('/')}</Key>` +
        `<UploadId>${uploadId}</UploadId></InitiateMultipartUploadResult>`,
    );
  }

  #takeBody({ path, headers }: Head, uploadId: string, number: number): Receiver {
    const upload = uploadId === '' ? undefined : this.#uploads.get(uploadId);
    if (uploadId !== '' && upload === undefined)
      return ignoring(() => answer(404, {}, error('NoSuchUpload')));
    const framed = (headers['x-amz-content-sha256'] ?? '').startsWith('STREAMING-');
    const meter = this.#verifying ? new VerifyingMeter(headers, framed) : new Meter(headers, framed);
    return {
      body: (bytes) => meter.take(bytes),
      end: () => {
        const part = meter.part(number);
        if (upload === undefined) this.#objects.push(describe(path, [part], this.#verifying));
        else upload.set(number, part);
        const sent = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-checksum-'));
        return answer(200, { ...Object.fromEntries(sent), etag: ETAG, 'x-amz-version-id': randomUUID() });
      },
    };
  }

  #complete(path: string, uploadId: string, headers: Head['headers']): Answer {
    const upload = this.#uploads.get(uploadId);
    if (upload === undefined) return answer(404, {}, error('NoSuchUpload'));
    this.#uploads.delete(uploadId);
    const parts = [...upload.values()].sort((a, b) => a.number - b.number);
    this.#objects.push(describe(path, parts, this.#verifying));
    const [, bucket = '', ...key] = path.split('/');
    const whole = headers['x-amz-checksum-crc32c'];
    const checksum = whole === undefined ? '' : `<ChecksumCRC32C>${whole}</ChecksumCRC32C>`;
    return answer(
      200,
      { 'x-amz-version-id': randomUUID() },
      `<CompleteMultipartUploadResult><Bucket>${bucket}</Bucket><Key>${key.join('/')}</Key>` +
        `<ETag>${ETAG}</ETag>${checksum}</CompleteMultipartUploadResult>`,
    );
  }
}

/** Counts. */
class Meter {
  protected readonly headers: Head['headers'];
  protected readonly framed: boolean;
  #wireBytes = 0;

  constructor(headers: Head['headers'], framed: boolean) {
    this.headers = headers;
    this.framed = framed;
  }

  take(bytes: Buffer): void {
    this.#wireBytes += bytes.length;
  }

  part(number: number): Part {
    const decoded = this.headers['x-amz-decoded-content-length'];
    const size = this.framed ? Number(decoded) : this.#wireBytes;
    const trailer = this.headers['x-amz-trailer'] === 'x-amz-checksum-crc32c' ? 'trailer' : undefined;
    return { number, size, crc: 0, claimed: this.headers['x-amz-checksum-crc32c'] ?? trailer };
  }
}

/** Takes the framing off, and computes the CRC32C of what is in it. */
class VerifyingMeter extends Meter {
  readonly #decoder = new AwsChunkedDecoder({ trailers: this.headers['x-amz-trailer'] !== undefined });
  #size = 0;
  #crc = 0;

  override take(bytes: Buffer): void {
    for (const piece of this.framed ? this.#decoder.decode(bytes) : [bytes]) {
      this.#size += piece.length;
      this.#crc = crc32c(piece, this.#crc);
    }
  }

  override part(number: number): Part {
    const name = 'x-amz-checksum-crc32c';
    const claimed = this.headers[name] ?? this.#decoder.trailers.get(name);
    return { number, size: this.#size, crc: this.#crc, claimed };
  }
}

function describe(path: string, parts: readonly Part[], verified: boolean): SinkObject {
  let [size, crc] = [0, 0];
  for (const part of parts) {
    size += part.size;
    if (verified) crc = combineCrc32c(crc, part.crc, part.size);
  }
  const wrong = parts.filter(
    (part) => part.claimed !== undefined && part.claimed !== crc32cToBase64(part.crc),
  );
  return {
    path,
    size,
    parts: parts.length,
    withCrc32c: parts.filter(({ claimed }) => claimed !== undefined).length,
    crc32c: verified ? crc32cToBase64(crc) : undefined,
    wrongParts: verified ? wrong.map(({ number }) => number) : [],
  };
}

function ignoring(end: () => Answer): Receiver {
  return { body: () => {}, end };
}

function answer(status: number, headers: Answer['headers'] = {}, body = ''): Answer {
  return { status, headers, body };
}

function error(code: string): string {
  return `<Error><Code>${code}</Code><Message>${code}</Message></Error>`;
}
