import busboy from 'busboy';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { S3Error, invalidArgument } from './errors.ts';

/** Form fields by lower-case name. */
export type FormFields = Map<string, string>;

/** The file of a form. */
export interface FormFile {
  /** As the browser named it, without folders; empty if it did not. */
  readonly name: string;
  readonly stream: AsyncIterable<Buffer>;
}

/** All fields before the file together, in bytes. @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTForms.html */
const MAX_FIELDS_BYTES = 20 * 1024;

/**
 * Reads a form up to its field `file`, gives fields and file to `consume`, and takes in the rest.
 *
 * As in S3, fields after the file are ignored.
 *
 * @throws {S3Error} MalformedPOSTRequest, MaxMessageLengthExceeded, InvalidArgument; and what `consume` throws
 */
export async function readForm<T>(
  req: IncomingMessage,
  consume: (fields: FormFields, file: FormFile) => Promise<T>,
): Promise<T> {
  const parser = createParser(req);
  return await new Promise<T>((resolve, reject) => {
    const fields: FormFields = new Map();
    let consuming: Promise<T> | undefined;
    let size = 0;
    const fail = (error: unknown): void => {
      req.unpipe(parser);
      parser.removeAllListeners('error').on('error', () => {});
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- passed on as it is
      reject(error);
    };
    parser.on('field', (name: string | undefined, value, info) => {
      if (consuming !== undefined) return;
      if (name === undefined) {
        fail(new S3Error('MalformedPOSTRequest'));
        return;
      }
      size += name.length + Buffer.byteLength(value);
      const isTooLong = size > MAX_FIELDS_BYTES || info.valueTruncated || info.nameTruncated;
      if (isTooLong) fail(new S3Error('MaxMessageLengthExceeded'));
      const lower = name.toLowerCase();
      if (lower === 'file') fail(missingFile());
      else if (fields.has(lower)) fail(invalidArgument('The form has a field more than once', lower, value));
      else fields.set(lower, value);
    });
    parser.on('file', (name: string | undefined, stream, info) => {
      stream.on('error', () => {}); // whoever reads it hears of it as well
      if (name?.toLowerCase() !== 'file' || consuming !== undefined) {
        stream.resume();
        return;
      }
      consuming = consume(fields, { name: baseName(info.filename), stream: fileChunks(stream, req) });
      consuming.then(resolve, (error: unknown) => {
        stream.resume();
        fail(error);
      });
    });
    parser.on('close', () => {
      if (consuming === undefined) fail(missingFile());
    });
    parser.on('error', () => fail(new S3Error('MalformedPOSTRequest')));
    req.once('close', () => {
      if (!req.complete) parser.destroy(new Error('the client left'));
    });
    req.pipe(parser);
  });
}

/** The file's bytes; fails, rather than ends, if the client leaves in the middle. */
async function* fileChunks(stream: Readable, req: IncomingMessage): AsyncGenerator<Buffer> {
  yield* stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  if (req.destroyed && !req.complete) throw new S3Error('IncompleteBody');
}

function createParser(req: IncomingMessage): busboy.Busboy {
  try {
    return busboy({
      headers: req.headers,
      limits: { fieldSize: MAX_FIELDS_BYTES, fields: 200 },
      defParamCharset: 'utf8',
    });
  } catch {
    throw new S3Error('MalformedPOSTRequest');
  }
}

function missingFile(): S3Error {
  return invalidArgument('POST requires exactly one file upload per request.', 'file', '0');
}

function baseName(filename: string | undefined): string {
  return (filename ?? '').replace(/^.*[/\\]/s, '');
}
