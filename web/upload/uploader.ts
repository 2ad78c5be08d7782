import AwsS3, { type AwsS3Part } from '@uppy/aws-s3';
import Uppy, { type Body, type Meta, type UppyFile } from '@uppy/core';
import GoldenRetriever from '@uppy/golden-retriever';
import { MIN_BROWSER_PART_BYTES, uploadPartSizeBytes } from '../../shared/part-plan.ts';
import { pause, Problem, RETRY_DELAYS_MS } from '../session.ts';
import { startChecksums } from './checksum.ts';
import { methodFor, refusalOf } from './checks.ts';
import { service, type Method, type OpenRequest, type TypeRule } from './service.ts';
import { createStoreTransport } from './transport.ts';

/** What the page keeps with a file. */
export interface FileMeta extends Meta {
  /** Type of the event that is published for it. */
  eventType: string;
  relativePath?: string | null;
}

export type PageFile = UppyFile<FileMeta, Body>;

export interface UploaderOptions {
  readonly store: string;
  /** Whose files are kept over a reload. */
  readonly owner: string | undefined;
  readonly types: Readonly<Record<string, TypeRule>>;
  /** The type that files get which are added now. */
  readonly typeNow: () => string;
  /** How bytes go out, if the address says so. */
  readonly method: Method | undefined;
  /** A file that is not taken, and why; nothing of it was sent. */
  readonly onRefused: (name: string, why: string) => void;
}

/** Uppy, and what it knows of our uploads. */
export interface Uploader {
  readonly uppy: Uppy<FileMeta, Body>;
  /** The upload of a file, once it is open. */
  uploadIdOf(file: PageFile): string | undefined;
  /** Cancels what is not finished, here and at the service, and forgets all files. */
  clear(): Promise<void>;
}

/** Largest file whose bytes are kept over a reload, in bytes; a larger one is to be chosen again, and goes on too. */
const KEPT_FILE_BYTES = 1024 ** 3;
/** Longest that leaving waits for the service, in milliseconds; what is not cancelled then is swept. */
const CLEAR_MS = 3000;
/** All of them. */
const KEPT_BYTES = 4 * 1024 ** 3;

/**
 * Uppy as the page uses it. Parts are signed when their turn comes, checksums are computed in a worker, and what was
 * interrupted goes on with the parts that S3 has.
 */
export function createUploader(options: UploaderOptions): Uploader {
  const { types } = options;
  const checksums = startChecksums();
  const transport = createStoreTransport(options.store);
  const single = new Map<string, string>();
  const ruleOf = (type: string): TypeRule => types[type] ?? { mediaTypes: [], maxSizeBytes: 0, methods: [] };
  const methodOf = (file: PageFile): Method =>
    methodFor(file.size ?? 0, options.method, ruleOf(file.meta.eventType).methods);
  const requestFor = (file: PageFile): OpenRequest => ({
    name: nameOf(file),
    mediaType: mediaTypeOf(file),
    size: file.size ?? 0,
    type: file.meta.eventType,
    method: methodOf(file),
  });

  const uppy = new Uppy<FileMeta, Body>({
    id: options.owner === undefined ? 'waybill' : `waybill-${options.owner}`,
    autoProceed: false,
    allowMultipleUploadBatches: true,
    onBeforeFileAdded(file, files) {
      if (files[file.id] !== undefined) return files[file.id]?.isGhost === true;
      const eventType = options.typeNow();
      const chosen = { name: nameOf(file), mediaType: mediaTypeOf(file), size: file.size ?? 0 };
      const why = refusalOf(chosen, eventType, ruleOf(eventType));
      if (why !== undefined) options.onRefused(chosen.name, why);
      return why === undefined ? { ...file, meta: { ...file.meta, eventType } } : false;
    },
  });

  uppy.use(GoldenRetriever, {
    // Uppy's types leave out the two limits; its code reads them.
    indexedDB: { maxFileSize: KEPT_FILE_BYTES, maxTotalSize: KEPT_BYTES } as object,
  });

  uppy.use(AwsS3<FileMeta, Body>, {
    id: 'AwsS3',
    limit: 6,
    retryDelays: RETRY_DELAYS_MS,
    shouldUseMultipart: (file: PageFile) => methodOf(file) === 'multipart',
    getChunkSize: ({ size }) => uploadPartSizeBytes(size, MIN_BROWSER_PART_BYTES),
    async createMultipartUpload(file) {
      const { uploadId, multipart } = await service.open({ ...requestFor(file), partChecksums: true });
      const expected = uploadPartSizeBytes(file.size ?? 0, MIN_BROWSER_PART_BYTES);
      if (multipart?.partSizeBytes !== expected)
        throw new TypeError(`partSizeBytes: got ${multipart?.partSizeBytes}, expected ${expected}`);
      // The key is the service's own; Uppy wants one to know an upload that goes on.
      return { uploadId, key: uploadId };
    },
    async signPart(_file, { uploadId, partNumber, body, signal }) {
      try {
        const crc32c = await checksums.crc32c(body);
        const { url, headers, expiresAt } = await service.signPart(uploadId, { partNumber, crc32c }, signal);
        return transport.part({
          method: 'PUT',
          url,
          headers: { ...headers },
          expires: secondsLeft(expiresAt),
        });
      } catch (error) {
        if (error instanceof Problem && !error.isPassing) return transport.refused(error);
        throw error;
      }
    },
    uploadPartBytes: transport.send,
    async listParts(file, { uploadId, signal }) {
      try {
        const parts = await service.listParts(uploadId ?? '', signal);
        return parts.map(({ partNumber, size, etag }) => ({
          PartNumber: partNumber,
          Size: size,
          ETag: etag,
        }));
      } catch (error) {
        if (await isComplete(error, uploadId ?? '')) return allParts(file.size ?? 0);
        throw error;
      }
    },
    async completeMultipartUpload(_file, { uploadId, signal }) {
      try {
        await service.complete(uploadId, signal);
      } catch (error) {
        if (!(await isComplete(error, uploadId))) throw error;
      }
      return {};
    },
    async abortMultipartUpload(_file, { uploadId }) {
      if (uploadId !== undefined) await cancel(uploadId);
    },
    async getUploadParameters(file) {
      const before = single.get(file.id);
      if (before !== undefined) await cancel(before);
      const digest = file.data === undefined ? undefined : await checksums.sha256(file.data as Blob);
      const { uploadId, put, post } = await service.open({
        ...requestFor(file),
        ...(digest === undefined ? {} : { digest }),
      });
      single.set(file.id, uploadId);
      if (post !== undefined) return { method: 'POST', url: post.url, fields: { ...post.fields } };
      if (put === undefined) throw new TypeError('put: got none, expected a signed request');
      return { method: 'PUT', url: put.url, headers: { ...put.headers } };
    },
  });

  uppy.on('file-removed', (file) => {
    const uploadId = single.get(file.id);
    single.delete(file.id);
    if (uploadId !== undefined && file.progress.uploadComplete !== true) void cancel(uploadId);
  });

  const uploadIdOf = (file: PageFile): string | undefined =>
    single.get(file.id) ?? (file as { s3Multipart?: { uploadId?: string } }).s3Multipart?.uploadId;
  return {
    uppy,
    uploadIdOf,
    async clear() {
      const unfinished = uppy.getFiles().filter(({ progress }) => progress.uploadComplete !== true);
      const ids = unfinished.map((file) => uploadIdOf(file)).filter((id) => id !== undefined);
      uppy.cancelAll();
      await Promise.race([Promise.all(ids.map(async (id) => await cancel(id))), pause(CLEAR_MS)]);
    },
  };
}

/** Takes an upload back. What cannot be taken back is swept or published: its list entry tells. */
async function cancel(uploadId: string): Promise<void> {
  await service.cancel(uploadId).catch(() => undefined);
}

/** A conflict means that it is complete already, by an attempt whose answer was lost, unless it was ended. */
async function isComplete(error: unknown, uploadId: string): Promise<boolean> {
  if (!(error instanceof Problem) || !error.type.endsWith(':conflict')) return false;
  const { state } = await service.status(uploadId);
  return state !== 'aborted' && state !== 'refused';
}

function allParts(size: number): AwsS3Part[] {
  const count = Math.ceil(size / uploadPartSizeBytes(size, MIN_BROWSER_PART_BYTES));
  return Array.from({ length: count }, (_, index) => ({ PartNumber: index + 1, ETag: '' }));
}

function nameOf(file: Pick<PageFile, 'name' | 'meta'>): string {
  const { relativePath } = file.meta;
  return typeof relativePath === 'string' && relativePath !== '' ? relativePath : (file.name ?? 'unnamed');
}

function mediaTypeOf({ type }: Pick<PageFile, 'type'>): string {
  return type === undefined || type === '' ? 'application/octet-stream' : type;
}

function secondsLeft(instant: string): number {
  return Math.max(1, Math.round((Date.parse(instant) - Date.now()) / 1000));
}
