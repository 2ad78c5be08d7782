import type { WaybillEvent } from '../../shared/events/index.ts';
import type { FilterSubject } from '../event-filter.ts';

/** An event that was published before, wherever it was found. */
export interface ReplayEntry extends FilterSubject {
  readonly event: WaybillEvent;
  /** Its place in a source whose order lasts. */
  readonly position?: string;
}

/** Where events to replay come from. */
export interface ReplaySource {
  /** Names the source in plans; of one that can be resumed it says everything that decides the order. */
  readonly description: Readonly<Record<string, string>> & { readonly kind: string };
  /** True if positions last, so that a replay may go on where it was. */
  readonly resumable: boolean;
  entries(options: {
    readonly after: string | undefined;
    readonly signal: AbortSignal | undefined;
  }): AsyncIterable<ReplayEntry>;
  /** Told once the bus has the event, also of its duplicates in the source. */
  readonly taken?: (entry: ReplayEntry) => Promise<void>;
  /** How far along a position is, from 0 to 1; undefined where nobody knows. */
  readonly fraction?: (position: string) => number;
}

/** Why an event that was found is not published. */
export type SkipReason =
  /** The filter does not fit. */
  | 'filtered'
  /** The same event was in this replay before. */
  | 'duplicate'
  /** It comes from this very replay, or has been replayed too often. */
  | 'loop'
  /** The consumer has handled it. */
  | 'handled'
  /** A payload of it cannot be had any more. */
  | 'gone';

/** What stands in the way of a payload. */
export type PayloadProblem = 'missing' | 'revoked' | 'past-retention' | 'unreadable' | 'unknown-store';

/** A payload that consumers will not get. */
export interface PayloadFinding {
  readonly eventId: string;
  readonly source: string;
  readonly attachmentId: string;
  readonly name: string;
  readonly store: string;
  readonly key: string;
  readonly versionId: string;
  readonly problem: PayloadProblem;
}

/** An event that could not be published, and never will be as it is. */
export interface ReplayFailure {
  readonly eventId: string;
  readonly source: string;
  readonly code: string;
  readonly reason: string;
}

/** Counts of a replay, over all its runs. */
export interface ReplayCounts {
  /** Entries read from the source. */
  readonly read: number;
  readonly published: number;
  readonly skipped: Readonly<Record<SkipReason, number>>;
  readonly failed: number;
  /** Attachments of the events published (of a dry run: that would be), and their bytes; a manifest counts as one. */
  readonly attachments: number;
  readonly bytes: number;
  /** Published without URLs though they were asked for: no credentials, or over the event's budget. */
  readonly withoutUrl: number;
  /** Published, by event type. */
  readonly byType: Readonly<Record<string, number>>;
}

/** What a replay did, or would do. */
export interface ReplayReport extends ReplayCounts {
  readonly replayId: string;
  readonly dryRun: boolean;
  /** The one consumer that it is for; absent for everyone. */
  readonly consumer?: string;
  /** The first thousand; `failed` counts all. */
  readonly failures: readonly ReplayFailure[];
  /** Payloads that a preflight found wanting, the first ten thousand; absent without a preflight. `onFinding` is told of all. */
  readonly findings?: readonly PayloadFinding[];
  /** Payloads that the preflight looked at. */
  readonly payloadsChecked?: number;
  /** Payloads that it found wanting, all of them. */
  readonly payloadsGone?: number;
}
