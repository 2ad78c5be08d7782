import type { Clock } from '../../shared/clock.ts';
import type { FaultSwitch } from '../faults.ts';

/** Someone whose signatures are accepted. */
export interface S3Identity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** If set, requests must carry this session token. */
  readonly sessionToken?: string;
  /** Instant at which the session ends, epoch milliseconds; requests then get `ExpiredToken`. @default - never */
  readonly sessionExpiresAtMs?: number;
  readonly name?: string;
}

/** News of an object that has just become visible. */
export interface ObjectCreatedEvent {
  readonly bucket: string;
  readonly key: string;
  /** `null` in a bucket without versioning. */
  readonly versionId: string;
  /** Bytes. */
  readonly size: number;
  /** Without quotes. */
  readonly etag: string;
  /** Orders the events of one key, compared as text. */
  readonly sequencer: string;
  readonly reason: 'PutObject' | 'POST Object' | 'CopyObject' | 'CompleteMultipartUpload';
  readonly requestId: string;
  readonly atMs: number;
}

/** What the embedded S3 needs. */
export interface S3ServiceOptions {
  /** Folder of the store; made if it is not there. One service at a time may use it. */
  readonly dir: string;
  readonly clock: Clock;
  /** The one region that signatures may name. */
  readonly region: string;
  readonly identities: readonly S3Identity[];
  readonly faults: FaultSwitch;
  /** Called after the object is visible, before the client is answered. What it throws is ignored. */
  onObjectCreated?(event: ObjectCreatedEvent): void;
}
