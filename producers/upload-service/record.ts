import { z } from 'zod';
import type { Records } from '../../shared/records/index.ts';
import type { CountedUpload } from './quota.ts';
import { methodSchema, stateSchema, type UploadStatus } from './schema.ts';
import { ownerTag, parseUploadId } from './upload-id.ts';

/**
 * What is known of one upload, in the control bucket at `uploads/records/<owner tag>/<event id>.json`. Holds no URL.
 * Version 1.
 */
export const uploadRecordSchema = z.looseObject({
  version: z.literal(1),
  uploadId: z.string(),
  eventId: z.string(),
  /** Who opened it, and alone may complete, see and fetch it. */
  owner: z.string(),
  state: stateSchema,
  type: z.string(),
  name: z.string(),
  mediaType: z.string(),
  size: z.int(),
  digest: z.string().optional(),
  data: z.record(z.string(), z.unknown()).optional(),
  method: methodSchema,
  key: z.string(),
  createdAt: z.string(),
  expiresAt: z.string(),
  multipart: z
    .object({ s3UploadId: z.string(), partSizeBytes: z.int(), partChecksums: z.boolean() })
    .optional(),
  /** The first version that passed every check; what the event names. */
  accepted: z
    .object({
      versionId: z.string(),
      etag: z.string(),
      digest: z.string(),
      crc32c: z.string(),
      at: z.string(),
      /** Who is publishing it; another takes over after a while. */
      by: z.string(),
    })
    .optional(),
  publishedAt: z.string().optional(),
  refusal: z
    .object({ code: z.string(), detail: z.string(), versionId: z.string(), at: z.string() })
    .optional(),
});

export type UploadRecord = z.output<typeof uploadRecordSchema>;

/** A record as it was read. */
export interface StoredUpload {
  readonly record: UploadRecord;
  readonly etag: string;
}

/** Uploads by id and by owner. */
export interface UploadRecords {
  /** @returns false when the id is taken, which a UUID never is but by ourselves */
  create(record: UploadRecord): Promise<boolean>;
  get(uploadId: string): Promise<StoredUpload | undefined>;
  /** @returns undefined when somebody changed it since it was read */
  replace(stored: StoredUpload, record: UploadRecord): Promise<StoredUpload | undefined>;
  /** An owner's uploads, newest last. @param after an upload id; those opened later only */
  ofOwner(owner: string): AsyncIterable<string>;
  /** What an owner has open. */
  openOf(owner: string): AsyncIterable<CountedUpload>;
  /** All open uploads, of every owner. */
  allOpen(): AsyncIterable<string>;
  /** Takes an upload out of those that are open. */
  close(record: Pick<UploadRecord, 'uploadId' | 'size'>): Promise<void>;
}

const RECORDS = 'uploads/records/';
/** One empty object per open upload, its size in its name: one listing tells an owner's quota, or what to sweep. */
const OPEN = 'uploads/open/';

const split = (uploadId: string): string => {
  const parts = parseUploadId(uploadId);
  if (parts === undefined) throw new TypeError('uploadId: got one that is malformed');
  return `${parts.tag}/${parts.eventId}`;
};

const recordKey = (uploadId: string): string => `${RECORDS}${split(uploadId)}.json`;
const openKey = ({ uploadId, size }: Pick<UploadRecord, 'uploadId' | 'size'>): string =>
  `${OPEN}${split(uploadId)}.${size}`;

function parseOpenKey(key: string): CountedUpload | undefined {
  const [, tag, eventId, size] = /^uploads\/open\/([^/]+)\/([^/.]+)\.(\d+)$/.exec(key) ?? [];
  return tag === undefined ? undefined : { uploadId: `${tag}.${eventId}`, size: Number(size) };
}

/** Keeps uploads in the control bucket. */
export function createUploadRecords(records: Records): UploadRecords {
  return {
    async create(record) {
      await records.create(openKey(record), '{}');
      const made = await records.create(recordKey(record.uploadId), JSON.stringify(record));
      return made.outcome === 'created';
    },
    async get(uploadId) {
      const found = await records.get(recordKey(uploadId));
      if (found === undefined) return undefined;
      return { record: uploadRecordSchema.parse(JSON.parse(found.body)), etag: found.etag };
    },
    async replace({ etag, record: { uploadId } }, record) {
      const done = await records.replace(recordKey(uploadId), JSON.stringify(record), etag);
      return done.outcome === 'replaced' ? { record, etag: done.etag } : undefined;
    },
    async *ofOwner(owner) {
      const tag = ownerTag(owner);
      for await (const { key } of records.list(`${RECORDS}${tag}/`)) {
        const eventId = /\/([^/]+)\.json$/.exec(key)?.[1];
        if (eventId !== undefined) yield `${tag}.${eventId}`;
      }
    },
    async *openOf(owner) {
      for await (const { key } of records.list(`${OPEN}${ownerTag(owner)}/`)) {
        const { uploadId, size } = parseOpenKey(key) ?? {};
        if (uploadId !== undefined && size !== undefined) yield { uploadId, size };
      }
    },
    async *allOpen() {
      for await (const { key } of records.list(OPEN)) {
        const open = parseOpenKey(key);
        if (open !== undefined) yield open.uploadId;
      }
    },
    async close(record) {
      await records.remove(openKey(record));
    },
  };
}

/** What an owner may know of an upload. */
export function toStatus(record: UploadRecord): UploadStatus {
  const { uploadId, eventId, state, name, mediaType, size, type, method, createdAt, expiresAt } = record;
  const { accepted, refusal } = record;
  return {
    uploadId,
    eventId,
    state,
    name,
    mediaType,
    size,
    type,
    method,
    createdAt,
    expiresAt,
    ...(accepted === undefined ? {} : { digest: accepted.digest }),
    ...(refusal === undefined ? {} : { refusal: { code: refusal.code, detail: refusal.detail } }),
  };
}
