import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { FreshUrl, UrlSource } from '../../../../consumers/url-source.ts';
import {
  createTransport,
  type CreateTransportOptions,
  type DownloadEvent,
  type DownloadOptions,
  type Transport,
  type TransportKind,
} from '../../../../consumers/download/index.ts';
import { startLocal, type FaultSwitch, type LocalStack } from '../../../../local/index.ts';
import type { Clock } from '../../../../shared/clock.ts';
import { crc32c, crc32cToBase64 } from '../../../../shared/crc32c.ts';
import { formatDigest } from '../../../../shared/digest.ts';
import {
  attachmentSchema,
  SecretUrl,
  type Access,
  type Attachment,
} from '../../../../shared/events/index.ts';
import type { StoresOptions } from '../../../../shared/stores.ts';

/** A clock that only tests move; sleeping takes no time but is written down. */
export interface TestClock extends Clock {
  advance(ms: number): void;
  readonly sleeps: number[];
}

export function createTestClock(): TestClock {
  let nowMs = Math.floor(Date.now() / 1_000) * 1_000;
  const sleeps: number[] = [];
  return {
    sleeps,
    nowMs: () => nowMs,
    monotonicMs: () => performance.now(),
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      sleeps.push(ms);
      await nextTurn();
      signal?.throwIfAborted();
    },
    advance: (ms) => void (nowMs += ms),
  };
}

/** Bytes that tell by their value where they belong. */
export function patternBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = seed * 2_654_435_761;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** A URL source over the stack's own credentials that counts and can be made to misbehave. */
export interface TestUrlSource extends UrlSource {
  readonly calls: Attachment[];
  ttlSeconds: number;
  /** Replaces the answer. */
  answer: ((fresh: FreshUrl) => FreshUrl | Promise<FreshUrl>) | undefined;
}

export interface World extends AsyncDisposable {
  readonly stack: LocalStack;
  readonly faults: FaultSwitch;
  readonly clock: TestClock;
  readonly dir: string;
  readonly stores: StoresOptions;
  readonly source: TestUrlSource;
  readonly events: DownloadEvent[];
  /** Puts an object; the attachment has a URL of `ttlSeconds`, or none for 0. */
  put(key: string, bytes: Buffer, ttlSeconds?: number): Promise<Attachment>;
  presign(key: string, versionId: string, ttlSeconds: number): Promise<Access>;
  path(name: string): string;
  /** Options with everything of this world, quick and deterministic. */
  options(more?: Partial<DownloadOptions>): DownloadOptions;
}

/** Everything about a download holds over both engines, */
export const ENGINES = ['auto', 'undici'] as const;

/** and when threads receive whatever goes into files. */
export const TRANSPORTS = [...ENGINES, 'threads'] as const;

/** How a transport of this name is made. */
export function transportOptions(name: (typeof TRANSPORTS)[number]): CreateTransportOptions {
  return name === 'threads' ? { threads: 2, threadsFromBytes: 0 } : { kind: name };
}

let threads: Transport | undefined;

/** A transport of this name for all downloads of a test file; threads end by themselves when idle. */
export function transportOf(name: (typeof TRANSPORTS)[number]): TransportKind | Transport {
  if (name !== 'threads') return name;
  threads ??= createTransport(transportOptions(name));
  return threads;
}

export async function createWorld(transport: TransportKind | Transport = 'auto'): Promise<World> {
  const clock = createTestClock();
  const stack = await startLocal({ buckets: ['payloads'], clock });
  const dir = await mkdtemp(join(tmpdir(), 'waybill-download-'));
  const s3 = new S3Client(stack.clientOptions());
  const stores = {
    main: { bucket: 'payloads', region: stack.region, endpoint: stack.endpoint, pathStyle: true },
  };
  const events: DownloadEvent[] = [];

  const presign = async (key: string, versionId: string, ttlSeconds: number): Promise<Access> => {
    const issuedAtMs = clock.nowMs();
    const command = new GetObjectCommand({ Bucket: 'payloads', Key: key, VersionId: versionId });
    const url = await getSignedUrl(s3, command, { expiresIn: ttlSeconds, signingDate: new Date(issuedAtMs) });
    return {
      method: 'GET',
      url: new SecretUrl(url),
      issuedAt: new Date(issuedAtMs).toISOString(),
      expiresAt: new Date(issuedAtMs + ttlSeconds * 1_000).toISOString(),
    };
  };

  const source: TestUrlSource = {
    calls: [],
    ttlSeconds: 900,
    answer: undefined,
    async refetch(attachment) {
      source.calls.push(attachment);
      const { key, versionId, size, digest } = attachment;
      const access = await presign(key, versionId, source.ttlSeconds);
      const fresh: FreshUrl = { access, versionId, size, digest };
      return source.answer === undefined ? fresh : await source.answer(fresh);
    },
  };

  return {
    stack,
    faults: stack.faults,
    clock,
    dir,
    stores,
    source,
    events,
    presign,
    async put(key, bytes, ttlSeconds = 900) {
      const crc = crc32cToBase64(crc32c(bytes));
      const put = new PutObjectCommand({
        Bucket: 'payloads',
        Key: key,
        Body: bytes,
        ChecksumAlgorithm: 'CRC32C',
        ChecksumCRC32C: crc,
      });
      const { VersionId: versionId = '', ETag: etag } = await s3.send(put);
      const access = ttlSeconds === 0 ? undefined : await presign(key, versionId, ttlSeconds);
      const attachment = attachmentSchema.parse({
        id: 'a1',
        name: 'file.bin',
        size: bytes.length,
        digest: formatDigest(createHash('sha256').update(bytes).digest()),
        checksum: { algorithm: 'CRC32C', value: crc, type: 'FULL_OBJECT' },
        store: 'main',
        key,
        versionId,
        etag,
        retainUntil: '2099-01-01T00:00:00Z',
      });
      return access === undefined ? attachment : { ...attachment, access };
    },
    path: (name) => join(dir, name),
    options: (more = {}) => ({
      stores,
      urlSource: source,
      clock,
      random: () => 0.5,
      transport,
      stallTimeoutMs: 5_000,
      onEvent: (event) => void events.push(event),
      ...more,
    }),
    async [Symbol.asyncDispose]() {
      s3.destroy();
      await stack.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** The kinds of events, without progress. */
export function kinds(events: readonly DownloadEvent[]): string[] {
  return events.map(({ kind }) => kind).filter((kind) => kind !== 'progress');
}

export async function exists(path: string): Promise<boolean> {
  return await readFile(path).then(
    () => true,
    () => false,
  );
}
