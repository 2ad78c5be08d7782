import type { S3Client } from '@aws-sdk/client-s3';
import { systemClock, type Clock, type Random } from '../../shared/clock.ts';
import { redactingLogger, silentLogger, type Logger } from '../../shared/logger.ts';
import { MAX_PART_BYTES } from '../../shared/limits.ts';
import { numberInRange } from '../../shared/options.ts';
import { MIN_BROWSER_PART_BYTES, planParts, uploadPartSizeBytes } from '../../shared/part-plan.ts';
import { checkTtl } from '../../shared/presign-signer.ts';
import type { Records } from '../../shared/records/index.ts';
import { s3ClientFor, type S3ClientOptions } from '../../shared/s3-client.ts';
import { toStores, type Store, type Stores, type StoresOptions } from '../../shared/stores.ts';
import { mintEventId } from '../event-id.ts';
import { createUploadPresigner } from '../presign-upload.ts';
import { createMultipartUploads } from './multipart.ts';
import { resolveUploadPolicy, type ResolvedUploadPolicy, type UploadPolicy } from './policy.ts';
import { UploadProblem } from './problem.ts';
import { createQuota } from './quota.ts';
import {
  createUploadRecords,
  toStatus,
  type StoredUpload,
  type UploadRecord,
  type UploadRecords,
} from './record.ts';
import type {
  OpenedUpload,
  OpenRequest,
  PartList,
  SignPartsRequest,
  UploadMethod,
  UploadStatus,
} from './schema.ts';
import { parseUploadId, payloadKeyOf, uploadIdOf } from './upload-id.ts';

/** Above this many bytes an upload is multipart unless the client wishes otherwise (16 MiB). */
export const MULTIPART_ABOVE_BYTES = 16 * 1024 ** 2;

/** How an upload service works. */
export interface UploadServiceOptions {
  readonly stores: StoresOptions | Stores;
  /** Logical name of the store that takes uploads. @default - the only one */
  readonly store?: string;
  /** Where uploads are recorded: the control bucket. */
  readonly records: Records;
  readonly policy: UploadPolicy;
  /** Life of presigned PUTs, forms and parts, 1 to 604,800 s; the signer's session may shorten it. @default 900 */
  readonly urlTtlSeconds?: number;
  /** How long an upload may stay open, 60 to 604,800 s; then it is swept. @default 86_400 */
  readonly openSeconds?: number;
  /** @default the SDK's provider chain */
  readonly credentials?: S3ClientOptions['credentials'];
  /** @default - `s3ClientFor` with `credentials` */
  readonly client?: S3Client;
  /** @default systemClock */
  readonly clock?: Clock;
  /** For the random bits of ids. @default - crypto */
  readonly idRandom?: Random;
  /** @default silentLogger */
  readonly logger?: Logger;
}

/** Opens uploads for authenticated owners. Every method throws {@link UploadProblem} for what the caller did wrong. */
export interface UploadService {
  /** What is taken, for pages that explain a refusal before a byte is sent. */
  readonly types: ResolvedUploadPolicy['types'];
  /** Opens an upload: mints the event's id, records it, signs. @throws {UploadProblem} type, media-type, too-large, name, quota */
  open(owner: string, request: OpenRequest): Promise<OpenedUpload>;
  /** @throws {UploadProblem} not-found, also for another owner's */
  status(owner: string, uploadId: string): Promise<UploadStatus>;
  /** Signs parts just in time. @throws {UploadProblem} not-found, conflict, gone, bad-request */
  signParts(owner: string, uploadId: string, request: SignPartsRequest): Promise<SignedPart[]>;
  /** Parts that S3 has: where to resume. @throws {UploadProblem} not-found, conflict, gone */
  listParts(owner: string, uploadId: string): Promise<PartList>;
  /** Completes a multipart upload. @throws {UploadProblem} not-found, conflict (also when done before), gone, parts-missing */
  complete(owner: string, uploadId: string): Promise<UploadStatus>;
  /** Takes an upload back; what it stored goes. @throws {UploadProblem} not-found, conflict once it was accepted */
  abort(owner: string, uploadId: string): Promise<UploadStatus>;
  /** The record of an owner's upload, for files and links. @throws {UploadProblem} not-found */
  recordOf(owner: string, uploadId: string): Promise<StoredUpload>;
  readonly records: UploadRecords;
  readonly store: Store;
  readonly s3: S3Client;
}

/** One part, signed. */
export interface SignedPart {
  readonly partNumber: number;
  readonly method: 'PUT';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly expiresAt: string;
}

/**
 * Makes an upload service. Keys are minted here, under `uploads/<upload id>/`; nothing that a client says becomes part
 * of one, and a client cannot tag, overwrite or read anything with what it is given.
 *
 * @throws {TypeError|RangeError} naming the option that is wrong
 */
export function createUploadService(options: UploadServiceOptions): UploadService {
  const { clock = systemClock, credentials } = options;
  const stores = toStores(options.stores);
  const store = stores.get(options.store ?? onlyName(stores));
  const logger = redactingLogger(options.logger ?? silentLogger);
  const policy = resolveUploadPolicy(options.policy);
  const ttlSeconds = checkTtl('urlTtlSeconds', options.urlTtlSeconds);
  const openSeconds = numberInRange('openSeconds', options.openSeconds ?? 86_400, {
    min: 60,
    max: 604_800,
    unit: 's',
  });
  const s3 = options.client ?? s3ClientFor(store, credentials === undefined ? {} : { credentials });
  const presigner = createUploadPresigner({ store, client: s3, clock });
  const multipart = createMultipartUploads({ s3, store, presigner, ttlSeconds });
  const records = createUploadRecords(options.records);
  const quota = createQuota((owner) => records.openOf(owner), policy.checkQuota);
  const iso = (ms: number): string => new Date(ms).toISOString();

  const recordOf = async (owner: string, uploadId: string): Promise<StoredUpload> => {
    const stored = parseUploadId(uploadId) === undefined ? undefined : await records.get(uploadId);
    // Another owner's upload does not exist for this one.
    if (stored === undefined || stored.record.owner !== owner)
      throw new UploadProblem('not-found', 'There is no such upload of yours.');
    return stored;
  };

  const openMultipart = async (
    owner: string,
    uploadId: string,
  ): Promise<StoredUpload & { multipart: NonNullable<UploadRecord['multipart']> }> => {
    const stored = await recordOf(owner, uploadId);
    const { state, expiresAt, multipart: parts } = stored.record;
    if (parts === undefined) throw new UploadProblem('conflict', 'This upload has no parts.');
    if (state !== 'open') throw new UploadProblem('conflict', `This upload is ${state} already.`, { state });
    if (Date.parse(expiresAt) <= clock.nowMs())
      throw new UploadProblem('gone', `This upload was open until ${expiresAt}; begin again.`);
    return { ...stored, multipart: parts };
  };

  const sign = async (record: UploadRecord): Promise<Partial<OpenedUpload>> => {
    const { key, mediaType, size, digest, method } = record;
    if (method === 'multipart') {
      const partSizeBytes = record.multipart?.partSizeBytes ?? MIN_BROWSER_PART_BYTES;
      return { multipart: { partSizeBytes, partCount: planParts(size, partSizeBytes).count } };
    }
    if (method === 'post') {
      const form = await presigner.presignPost({
        key,
        contentType: mediaType,
        minSizeBytes: size,
        maxSizeBytes: size,
        ttlSeconds,
      });
      const fields = Object.entries(form.fields).map(([name, value]) => [name, value.reveal()] as const);
      return { post: { url: form.url, fields: Object.fromEntries(fields), expiresAt: form.expiresAt } };
    }
    const put = await presigner.presignPut({
      key,
      contentType: mediaType,
      sizeBytes: size,
      ttlSeconds,
      ...(digest === undefined ? {} : { checksums: { sha256: digest.slice('sha-256=:'.length, -1) } }),
    });
    const { url, headers, expiresAt } = put;
    return { put: { method: 'PUT', url: url.reveal(), headers: { ...headers }, expiresAt } };
  };

  const open = async (owner: string, request: OpenRequest): Promise<OpenedUpload> => {
    policy.check(request);
    const method = methodFor(request);
    const eventId = mintEventId(clock, options.idRandom);
    const uploadId = uploadIdOf(owner, eventId);
    await quota.admit(owner, { uploadId, size: request.size });
    try {
      return await openAdmitted(owner, request, { eventId, uploadId, method });
    } finally {
      quota.settle(owner, uploadId);
    }
  };

  const openAdmitted = async (
    owner: string,
    { name, mediaType, size, type, digest, data, partChecksums }: OpenRequest,
    { eventId, uploadId, method }: Pick<UploadRecord, 'eventId' | 'uploadId' | 'method'>,
  ): Promise<OpenedUpload> => {
    const key = payloadKeyOf(uploadId);
    const nowMs = clock.nowMs();
    const record: UploadRecord = {
      version: 1,
      uploadId,
      eventId,
      owner,
      state: 'open',
      type,
      name,
      mediaType,
      size,
      ...(digest === undefined ? {} : { digest }),
      ...(data === undefined ? {} : { data }),
      method,
      key,
      createdAt: iso(nowMs),
      expiresAt: iso(nowMs + openSeconds * 1000),
      ...(method === 'multipart'
        ? {
            multipart: {
              s3UploadId: await multipart.create(key, { mediaType, partChecksums }),
              partSizeBytes: uploadPartSizeBytes(size, MIN_BROWSER_PART_BYTES),
              partChecksums,
            },
          }
        : {}),
    };
    if (!(await records.create(record)))
      throw new UploadProblem('conflict', 'This upload id is taken; try again.');
    logger.info({ uploadId, eventId, type, method, size, mediaType }, 'upload opened');
    return { uploadId, eventId, method, expiresAt: record.expiresAt, ...(await sign(record)) };
  };

  return {
    types: policy.types,
    records,
    store,
    s3,
    open,
    recordOf,
    status: async (owner, uploadId) => toStatus((await recordOf(owner, uploadId)).record),
    async signParts(owner, uploadId, { parts }) {
      const { record, multipart: upload } = await openMultipart(owner, uploadId);
      return await multipart.sign(record, upload, parts);
    },
    async listParts(owner, uploadId) {
      const { record, multipart: upload } = await openMultipart(owner, uploadId);
      const { partSizeBytes } = upload;
      const { count: partCount } = planParts(record.size, partSizeBytes);
      return { partSizeBytes, partCount, parts: await multipart.list(record, upload) };
    },
    async complete(owner, uploadId) {
      const { record, multipart: upload } = await openMultipart(owner, uploadId);
      await multipart.complete(record, upload);
      logger.info({ uploadId, size: record.size }, 'upload completed');
      return toStatus(record);
    },
    async abort(owner, uploadId) {
      const stored = await recordOf(owner, uploadId);
      const { record } = stored;
      if (record.state === 'accepted' || record.state === 'published')
        throw new UploadProblem('conflict', `This upload is ${record.state} already.`, {
          state: record.state,
        });
      const aborted = await records.replace(stored, { ...record, state: 'aborted' });
      if (aborted === undefined)
        throw new UploadProblem('conflict', 'This upload is being accepted just now.');
      await multipart.discard(record);
      await records.close(record);
      logger.info({ uploadId }, 'upload aborted');
      return toStatus(aborted.record);
    },
  };
}

function methodFor({ method, size }: OpenRequest): UploadMethod {
  if (method === undefined) return size > MULTIPART_ABOVE_BYTES ? 'multipart' : 'put';
  if (method !== 'multipart' && size > MAX_PART_BYTES)
    throw new UploadProblem('bad-request', `method: got "${method}", expected "multipart" above 5 GiB.`);
  if (method === 'multipart' && size === 0)
    throw new UploadProblem('bad-request', 'method: got "multipart", expected "put" for an empty file.');
  return method;
}

function onlyName({ names }: Stores): string {
  const [only, second] = names;
  if (only === undefined || second !== undefined)
    throw new TypeError(
      `store: got undefined, expected one of ${names.join(', ') || 'stores, which has none'}`,
    );
  return only;
}
