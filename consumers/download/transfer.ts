import type { Clock } from '../../shared/clock.ts';
import type { Meter } from './meter.ts';
import type { ResolvedTransferOptions } from './options.ts';
import type { Transport } from './transport.ts';
import type { UrlKeeper } from './url-keeper.ts';

/** Which object the bytes must be of. What is undefined is pinned by the first good reply. */
export interface ObjectIdentity {
  /** For messages and logs: `store/key`, or a URL without its query. */
  readonly label: string;
  readonly store: string;
  readonly key: string;
  /** Of the whole object; settled before the first of its bytes is asked for. */
  sizeBytes: number;
  /** RFC 9530 text. */
  readonly digest: string | undefined;
  /** Base64 of the CRC32C over the full object. */
  readonly crc32c: string | undefined;
  versionId: string | undefined;
  etag: string | undefined;
}

/** All that the parts of one download share. */
export interface Transfer {
  readonly options: ResolvedTransferOptions;
  readonly clock: Clock;
  readonly transport: Transport;
  readonly urls: UrlKeeper;
  readonly meter: Meter;
  readonly identity: ObjectIdentity;
  readonly signal: AbortSignal;
  /** By the monotonic clock. */
  readonly startedMs: number;
}
