import type { ChecksumAlgorithm, ChecksumType } from '../checksum.ts';
import type { CorsRule } from '../cors-rules.ts';
import type { LifecycleRule } from '../lifecycle/rules.ts';

/** One run of stored bytes, in a file of its own. */
export interface StoredPart {
  /** Name of the blob file. */
  readonly blob: string;
  readonly sizeBytes: number;
  /** Of a part of a multipart upload; absent for a whole object. */
  readonly partNumber?: number;
  /** The part's checksum, base64, in the algorithm of the object's. */
  readonly checksum?: string;
}

/** A checksum as S3 keeps it with an object. */
export interface StoredChecksum {
  readonly algorithm: ChecksumAlgorithm;
  /** Base64; with `-N` for COMPOSITE. */
  readonly value: string;
  readonly type: ChecksumType;
}

/** What travels with an object besides its bytes. */
export interface ObjectMetadata {
  /** `content-type`, `cache-control` and the like, answered as they came. */
  readonly headers: Readonly<Record<string, string>>;
  /** User metadata, names without `x-amz-meta-`. */
  readonly user: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

/** An object about to be published. */
export interface ObjectDraft extends ObjectMetadata {
  readonly key: string;
  /** Quoted nowhere inside the service; quotes are added on the wire. */
  readonly etag: string;
  readonly sizeBytes: number;
  readonly parts: readonly StoredPart[];
  readonly checksum?: StoredChecksum;
  /** The upload this object was completed from. */
  readonly uploadId?: string;
}

/** One version of a key as its JSON file holds it; also a delete marker. */
export interface VersionRecord extends ObjectDraft {
  /** `null` for the version written while versioning was off or suspended. */
  readonly versionId: string;
  /** Grows with every version in the whole store; orders the versions of a key. */
  readonly sequence: number;
  readonly modifiedAtMs: number;
  readonly deleteMarker: boolean;
}

/** A part of an upload in progress. */
export interface UploadPart extends StoredPart {
  readonly partNumber: number;
  /** Hex MD5 of the bytes. */
  readonly etag: string;
  readonly modifiedAtMs: number;
  readonly checksumAlgorithm?: ChecksumAlgorithm;
}

/** An upload in progress, without its parts. */
export interface UploadRecord extends ObjectMetadata {
  readonly uploadId: string;
  readonly bucket: string;
  readonly key: string;
  readonly initiatedAtMs: number;
  readonly checksumAlgorithm?: ChecksumAlgorithm;
  readonly checksumType?: ChecksumType;
}

/** `Suspended` after it was `Enabled` once; `Off` before. */
export type Versioning = 'Off' | 'Enabled' | 'Suspended';

/** A bucket as its JSON file holds it. */
export interface BucketRecord {
  readonly name: string;
  readonly createdAtMs: number;
  readonly versioning: Versioning;
  /** Text of its policy, as it was put. */
  readonly policy?: string | undefined;
  readonly cors?: readonly CorsRule[] | undefined;
  readonly lifecycle?: readonly LifecycleRule[] | undefined;
}
