/** An event that its publisher did not finish, and what it left behind. */
export interface UnfinishedPublish {
  readonly eventId: string;
  readonly type: string;
  readonly source: string;
  /** When it was begun, ISO. */
  readonly startedAt: string;
  /** Logical name. */
  readonly store: string;
  /** Payloads that no event names. */
  readonly payloads: readonly { readonly key: string; readonly versionId: string; readonly size: number }[];
  /** Multipart uploads that are still open. */
  readonly uploads: readonly {
    readonly key: string;
    readonly uploadId: string;
    readonly initiatedAt: string;
  }[];
  /** True if this sweep has removed it all. */
  readonly deleted: boolean;
}

/** What one sweep did and found. */
export interface SweepReport {
  readonly producer: string;
  /** Events that were left in the outbox and are on the bus now. */
  readonly published: readonly { readonly eventId: string; readonly eventBridgeId: string }[];
  /** Events that were on the bus already, and whose publisher died before it said so. */
  readonly publishedBefore: readonly string[];
  /** Events that are still in the outbox, and why. */
  readonly failed: readonly { readonly eventId: string; readonly reason: string }[];
  readonly unfinished: readonly UnfinishedPublish[];
  /** Open multipart uploads under the producer's prefix that belong to no intent. */
  readonly strayUploads: readonly {
    readonly store: string;
    readonly key: string;
    readonly uploadId: string;
    readonly initiatedAt: string;
    readonly deleted: boolean;
  }[];
}
