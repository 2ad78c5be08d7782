import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { attachmentSchema, checkAgainst } from '../shared/events/index.ts';
import { MAX_OBJECT_BYTES } from '../shared/limits.ts';
import { nonEmptyString, numberInRange, show } from '../shared/options.ts';
import { mediaTypeFor } from './media-type.ts';
import { keySegment, MANIFEST_ID } from './payload-key.ts';
import { bufferSource, fileSource, streamSource, type UploadSource } from './upload/index.ts';
import { destroyStream } from './upload/stream-source.ts';

/** What an attachment is called. */
export interface AttachmentNaming {
  /** Name for the receiver, may be a relative path. @default - the path's last segment; else required */
  readonly name?: string;
  /** @default - by the name's extension, else application/octet-stream */
  readonly mediaType?: string;
  /** Unique in its event, 1 to 128 of `A-Z a-z 0-9 . _ -`. @default - its position, from 1 */
  readonly id?: string;
}

/** A file on disk. It must not change until it is published. */
export interface PathAttachment extends AttachmentNaming {
  readonly path: string;
}

/** A stream, read once and then destroyed, also after a failure. */
export interface StreamAttachment extends AttachmentNaming {
  /** Node's Readable, or any other async iterable of byte chunks. */
  readonly stream: AsyncIterable<Uint8Array>;
  /** Length in bytes; a stream of another length fails. @default - not known */
  readonly size?: number;
}

/** Bytes in memory. They must not change until they are published. */
export interface BufferAttachment extends AttachmentNaming {
  readonly buffer: Uint8Array;
}

/** What is known of an object that stands in the publisher's store already, its bytes verified by the caller. */
export interface StoredPayload {
  readonly key: string;
  readonly versionId: string;
  readonly etag?: string | undefined;
  /** In bytes. */
  readonly size: number;
  /** RFC 9530 text, `sha-256=:BASE64:`. */
  readonly digest: string;
  /** CRC32C of the whole, in Base64. */
  readonly crc32c?: string | undefined;
}

/** A payload that was uploaded by other means: nothing is uploaded for it. */
export interface StoredAttachment extends AttachmentNaming {
  readonly name: string;
  readonly stored: StoredPayload;
}

/** Where an attachment's bytes come from, and what it is called. */
export type AttachmentSource = PathAttachment | StreamAttachment | BufferAttachment | StoredAttachment;

/** An attachment whose names are checked and whose bytes are there. */
export type PlannedAttachment = {
  readonly id: string;
  readonly name: string;
  readonly mediaType: string;
  /** Lets go of a stream that will not be read. */
  readonly discard: () => void;
} & PlannedBytes;

/** Bytes to upload, or that were. */
export type PlannedBytes =
  | { readonly source: UploadSource; readonly stored?: undefined }
  | { readonly stored: StoredPayload; readonly source?: undefined };

const naming = attachmentSchema.pick({ id: true, name: true, mediaType: true });

const storedPayload = attachmentSchema
  .pick({ key: true, versionId: true, etag: true, size: true, digest: true })
  .extend({ crc32c: attachmentSchema.shape.etag });

/**
 * Checks an attachment without reading it.
 * @param index position in the list, from 0
 * @throws {TypeError|RangeError} naming the field, the value and what was expected
 * @throws {EventParseError} if the name, media type or id cannot stand in an event
 */
export async function planAttachment(input: AttachmentSource, index: number): Promise<PlannedAttachment> {
  const field = `attachments[${index}]`;
  if (typeof input !== 'object' || input === null)
    throw new TypeError(
      `${field}: got ${show(input)}, expected { path }, { stream }, { buffer } or { stored }`,
    );
  const opened = await openable(field, input);
  const name = input.name ?? opened.fallbackName ?? nonEmptyString(`${field}.name`, input.name);
  const id = keySegment(`${field}.id`, input.id ?? String(index + 1));
  if (id === MANIFEST_ID) throw new TypeError(`${field}.id: got "${MANIFEST_ID}", which is reserved`);
  const checked = checkAgainst(
    naming,
    { id, name, mediaType: input.mediaType ?? mediaTypeFor(name) },
    `data.${field}`,
  );
  const { fallbackName: _, ...bytes } = opened;
  return { id: checked.id, name: checked.name, mediaType: checked.mediaType, ...bytes };
}

type Openable = { readonly fallbackName?: string; readonly discard: () => void } & PlannedBytes;

async function openable(field: string, input: AttachmentSource): Promise<Openable> {
  const kinds = ['path', 'stream', 'buffer', 'stored'].filter(
    (kind) => (input as unknown as Partial<Record<string, unknown>>)[kind] !== undefined,
  );
  if (kinds.length !== 1) {
    const got = kinds.join(' and ') || 'none of them';
    throw new TypeError(`${field}: got ${got}, expected exactly one of path, stream, buffer and stored`);
  }
  if ('path' in input && input.path !== undefined) return await openablePath(`${field}.path`, input.path);
  if ('stream' in input && input.stream !== undefined) return openableStream(field, input);
  if ('stored' in input && input.stored !== undefined)
    return { stored: checkAgainst(storedPayload, input.stored, `${field}.stored`), discard: () => {} };
  const { buffer } = input as BufferAttachment;
  if (!(buffer instanceof Uint8Array))
    throw new TypeError(`${field}.buffer: got ${show(buffer)}, expected a Uint8Array`);
  return { source: bufferSource(buffer), discard: () => {} };
}

async function openablePath(field: string, value: unknown): Promise<Openable> {
  const path = nonEmptyString(field, value);
  const sizeBytes = await fileSize(field, path);
  return { source: fileSource(path, sizeBytes), fallbackName: basename(path), discard: () => {} };
}

async function fileSize(field: string, path: string): Promise<number> {
  let found;
  try {
    found = await stat(path);
    await access(path, constants.R_OK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new TypeError(`${field}: got ${show(path)} (${code}), expected a readable file`, { cause: error });
  }
  if (found.isFile()) return found.size;
  const kind = found.isDirectory() ? 'a directory' : 'no regular file';
  throw new TypeError(`${field}: got ${show(path)}, which is ${kind}; expected a regular file`);
}

function openableStream(field: string, { stream, size }: StreamAttachment): Openable {
  if (typeof stream !== 'object' || stream === null || typeof stream[Symbol.asyncIterator] !== 'function')
    throw new TypeError(`${field}.stream: got ${show(stream)}, expected an async iterable of Uint8Array`);
  const { destroyed, readableEnded } = stream as Partial<Readable>;
  if (destroyed === true || readableEnded === true)
    throw new TypeError(
      `${field}.stream: got one that was destroyed or read to its end, expected a fresh one`,
    );
  const sizeBytes =
    size === undefined
      ? undefined
      : numberInRange(`${field}.size`, size, { min: 0, max: MAX_OBJECT_BYTES, unit: 'bytes' });
  return { source: streamSource(stream, sizeBytes), discard: () => destroyStream(stream) };
}
