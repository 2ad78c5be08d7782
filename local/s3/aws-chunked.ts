import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { constantTimeEqual } from '../../shared/sigv4.ts';
import type { SigV4Success } from '../../shared/sigv4.ts';
import { EMPTY_SHA256, sha256Hex, signString } from '../../shared/sigv4-encoding.ts';
import { S3Error } from './errors.ts';

/*
 * aws-chunked framing: `<hex size>[;chunk-signature=<hex>]\r\n<bytes>\r\n` … `0[;chunk-signature=…]\r\n`, then
 * trailer lines `name:value\r\n`, for signed trailers `x-amz-trailer-signature:<hex>\r\n`, and an empty line.
 * Bytes are handed on as they come; a chunk's signature is judged when the chunk ends, before anything that
 * was received is published.
 */

/** Longest line of framing, in bytes. */
const MAX_LINE_BYTES = 16 * 1024;

/**
 * Smallest chunk but the last, in bytes.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 */
const MIN_CHUNK_BYTES = 8192;

/** What the decoder needs to know. */
export interface AwsChunkedOptions {
  /** Verifies chunk signatures from this seed. @default - unsigned chunks */
  readonly seed?: SigV4Success;
  /** Trailers follow the last chunk. */
  readonly trailers: boolean;
}

/** Takes the framing off a body. */
export class AwsChunkedDecoder {
  /** Trailers by lower-case name, once the body has ended. */
  readonly trailers = new Map<string, string>();
  readonly #options: AwsChunkedOptions;
  #line: Buffer = Buffer.alloc(0);
  #state: 'size' | 'data' | 'data-end' | 'trailer' | 'done' = 'size';
  #left = 0;
  #chunks = 0;
  #chunkBytes = 0;
  #chunkSignature = '';
  #chunkHash: Hash = createHash('sha256');
  #previousSignature: string;
  #trailerText = '';

  constructor(options: AwsChunkedOptions) {
    this.#options = options;
    this.#previousSignature = options.seed?.signature ?? '';
  }

  /** The pieces of payload in `input`. @throws {S3Error} on bad framing or a wrong signature. */
  *decode(input: Buffer): Generator<Buffer> {
    let rest = input;
    while (rest.length > 0) {
      if (this.#state === 'done') throw incomplete();
      if (this.#state === 'data') {
        const piece = rest.subarray(0, this.#left);
        rest = rest.subarray(piece.length);
        this.#left -= piece.length;
        if (this.#options.seed !== undefined) this.#chunkHash.update(piece);
        if (this.#left === 0) this.#state = 'data-end';
        yield piece;
        continue;
      }
      const at = rest.indexOf(10);
      const piece = at === -1 ? rest : rest.subarray(0, at + 1);
      rest = rest.subarray(piece.length);
      this.#line = Buffer.concat([this.#line, piece]);
      if (this.#line.length > MAX_LINE_BYTES) throw incomplete();
      if (at === -1) return;
      const line = this.#line.toString('latin1').replace(/\r?\n$/, '');
      this.#line = Buffer.alloc(0);
      this.#takeLine(line);
    }
  }

  /** Call it when the input ended. @throws {S3Error} IncompleteBody if the last chunk or a trailer is missing. */
  finish(): void {
    if (this.#state === 'trailer' && !this.#options.trailers && this.#trailerText === '') return;
    if (this.#state !== 'done') throw incomplete();
  }

  #takeLine(line: string): void {
    if (this.#state === 'size') this.#takeSize(line);
    else if (this.#state === 'data-end') {
      if (line !== '') throw incomplete();
      this.#endChunk();
      this.#state = 'size';
    } else this.#takeTrailer(line);
  }

  #takeSize(line: string): void {
    const match = /^([0-9a-f]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/i.exec(line);
    if (match === null) throw incomplete();
    this.#left = Number.parseInt(match[1] ?? '', 16);
    this.#chunkSignature = match[2] ?? '';
    if (this.#left > 0) {
      this.#countChunk(this.#left);
      this.#state = 'data';
      return;
    }
    this.#endChunk();
    this.#state = 'trailer';
  }

  /** Only now that another chunk follows is it known that the one before was not the last. */
  #countChunk(sizeBytes: number): void {
    this.#chunks += 1;
    if (this.#chunks > 1 && this.#chunkBytes < MIN_CHUNK_BYTES) {
      throw new S3Error('InvalidChunkSizeError', {
        Chunk: String(this.#chunks),
        BadChunkSize: String(this.#chunkBytes),
      });
    }
    this.#chunkBytes = sizeBytes;
  }

  #endChunk(): void {
    const { seed } = this.#options;
    if (seed === undefined) return;
    const hash = this.#chunkHash.digest('hex');
    this.#chunkHash = createHash('sha256');
    const expected = signString(
      seed.signingKey,
      [
        'AWS4-HMAC-SHA256-PAYLOAD',
        seed.amzDate,
        seed.scope,
        this.#previousSignature,
        EMPTY_SHA256,
        hash,
      ].join('\n'),
    );
    if (!constantTimeEqual(expected, this.#chunkSignature)) throw new S3Error('SignatureDoesNotMatch');
    this.#previousSignature = expected;
  }

  #takeTrailer(line: string): void {
    if (line === '') {
      this.#endTrailers();
      return;
    }
    const at = line.indexOf(':');
    if (at < 1 || !this.#options.trailers) throw new S3Error('MalformedTrailerError');
    const name = line.slice(0, at).trim().toLowerCase();
    const value = line.slice(at + 1).trim();
    if (this.trailers.has(name)) throw new S3Error('MalformedTrailerError');
    this.trailers.set(name, value);
    if (name !== 'x-amz-trailer-signature') this.#trailerText += `${name}:${value}\n`;
    if (this.#trailerText.length > MAX_LINE_BYTES) throw new S3Error('MalformedTrailerError');
  }

  #endTrailers(): void {
    const { seed, trailers } = this.#options;
    if (seed !== undefined && trailers) {
      const expected = signString(
        seed.signingKey,
        [
          'AWS4-HMAC-SHA256-TRAILER',
          seed.amzDate,
          seed.scope,
          this.#previousSignature,
          sha256Hex(this.#trailerText),
        ].join('\n'),
      );
      if (!constantTimeEqual(expected, this.trailers.get('x-amz-trailer-signature') ?? '')) {
        throw new S3Error('SignatureDoesNotMatch');
      }
    }
    this.#state = 'done';
  }
}

function incomplete(): S3Error {
  return new S3Error(
    'IncompleteBody',
    {},
    { message: 'The request body is not well-formed aws-chunked data' },
  );
}
