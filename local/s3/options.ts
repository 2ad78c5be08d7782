import type { Clock } from '../../shared/clock.ts';
import type { LocalIdentity } from '../authenticate.ts';
import type { FaultSwitch } from '../faults.ts';
import type { Durability } from './store/disk.ts';

export type { Durability } from './store/disk.ts';

/** Someone whose signatures are accepted. */
export type S3Identity = LocalIdentity;

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
  /** What policies are told of the connection: `aws:SecureTransport`. @default true */
  readonly assumeTls?: boolean;
  /** What an acknowledged write survives. @default 'process' */
  readonly durability?: Durability;
  /** Called after the object is visible, before the client is answered. What it throws is ignored. */
  onObjectCreated?(event: ObjectCreatedEvent): void;
}
