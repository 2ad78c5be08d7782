import { systemClock, type Clock } from '../shared/clock.ts';
import { numberInRange } from '../shared/options.ts';

/** Fields of every record. */
interface RecordBase {
  /** Place in the order of recording, from 1. */
  readonly sequence: number;
  /** Wall time of recording, epoch milliseconds. */
  readonly atMs: number;
}

/** An event that a bus accepted. */
export interface EventRecord extends RecordBase {
  readonly kind: 'event';
  readonly bus: string;
  /** EventBridge's id, not CloudEvents'. */
  readonly id: string;
  readonly source: string;
  readonly detailType: string;
  /** Size of the detail, in bytes. */
  readonly bytes: number;
  /** The detail, parsed. A function, because it holds URLs and claim checks that a printed record must not show. */
  readonly detail: () => unknown;
}

/** A message put into a queue, by a client or by a rule. */
export interface MessageRecord extends RecordBase {
  readonly kind: 'message';
  readonly queue: string;
  readonly messageId: string;
  /** Size of the body, in bytes. */
  readonly bytes: number;
  /** The body. A function, because it may hold secrets. */
  readonly body: () => string;
}

/** A message handed to a receiver. */
export interface ReceiveRecord extends RecordBase {
  readonly kind: 'receive';
  readonly queue: string;
  readonly messageId: string;
}

/** A message deleted by its receiver. */
export interface DeleteRecord extends RecordBase {
  readonly kind: 'delete';
  readonly queue: string;
  readonly messageId: string;
}

/** An S3 request answered, in full or not. */
export interface S3Record extends RecordBase {
  readonly kind: 's3';
  /** `GetObject`, `PutObject`, …, as the faults name it; `Unknown` for what S3 refused as unknown. */
  readonly operation: string;
  readonly method: string;
  readonly bucket?: string;
  readonly key?: string;
  readonly status: number;
  /** Body bytes sent. */
  readonly bytes: number;
  /** Body bytes that the request announced. */
  readonly requestBytes: number;
  /** From the request's head to the end of the answer, in milliseconds. */
  readonly ms: number;
  /** The Range header. */
  readonly range?: string;
  /** True if signed in the query. */
  readonly presigned: boolean;
  /** False if the connection was lost, or cut by a fault, before the whole answer was sent. */
  readonly complete: boolean;
}

/** An S3 request that is being answered. */
export interface S3Flow {
  readonly operation: string;
  readonly bucket?: string;
  readonly key?: string;
  /** The Range header. */
  readonly range?: string;
  /** Body bytes sent so far. */
  readonly bytes: () => number;
}

/** Anything the spy has seen. */
export type SpyRecord = EventRecord | MessageRecord | ReceiveRecord | DeleteRecord | S3Record;

/** A record before it has its place. */
export type SpyEntry = SpyRecord extends infer R
  ? R extends SpyRecord
    ? Omit<R, keyof RecordBase>
    : never
  : never;

/** A condition; a type guard narrows what `waitFor` returns. */
export type SpyPredicate<R extends SpyRecord = SpyRecord> =
  | ((record: SpyRecord) => record is R)
  | ((record: SpyRecord) => boolean);

/** What happened in the stack, and a way to wait for it without polling. */
export interface Spy {
  /**
   * The first record that fits: one already there, or the next that comes.
   * @param options.timeoutMs longest wait, real milliseconds. @default 5_000
   * @throws {Error} if none came in time; the signal's reason if it aborts.
   */
  waitFor<R extends SpyRecord = SpyRecord>(
    predicate: SpyPredicate<R>,
    options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<R>;
  /**
   * Makes sure that no record fits: none there, none within `withinMs`.
   * @param options.withinMs how long to watch, real milliseconds. @default 0
   * @throws {Error} naming the record that fits.
   */
  expectNone(predicate: SpyPredicate, options?: { readonly withinMs?: number }): Promise<void>;
  /** All records of a kind still held, oldest first; of every kind if none is given. */
  records<K extends SpyRecord['kind']>(kind: K): readonly Extract<SpyRecord, { kind: K }>[];
  records(): readonly SpyRecord[];
  /** S3 requests that are being answered now; their records come when they end. */
  flows(): readonly S3Flow[];
  /** Forgets all records; those who wait go on waiting. */
  clear(): void;
}

/** The spy as the stack's services use it. */
export interface SpyRecorder extends Spy {
  /** @param heldBytes what the record keeps alive, for the byte bound. */
  record(entry: SpyEntry, heldBytes?: number): void;
  /** An S3 request begins to be answered. @returns what to call when it ends */
  begin(flow: S3Flow): () => void;
  /** Fails everyone who still waits. */
  close(): void;
}

/** Bounds of what a spy remembers. */
export interface SpyLimits {
  /** @default 10_000 */
  readonly maxRecords?: number;
  /** Bodies and details held in all, in bytes. @default 67_108_864 (64 MiB) */
  readonly maxBytes?: number;
}

interface Waiter {
  see(record: SpyRecord): void;
  fail(error: Error): void;
}

/** Makes a spy. The oldest records go first when a bound is reached. */
export function createSpy(clock: Clock = systemClock, limits: SpyLimits = {}): SpyRecorder {
  const maxRecords = numberInRange('maxRecords', limits.maxRecords ?? 10_000, { min: 1, max: 10_000_000 });
  const maxBytes = numberInRange('maxBytes', limits.maxBytes ?? 64 * 1024 ** 2, { min: 0, max: 2 ** 40 });
  const held: { readonly record: SpyRecord; readonly bytes: number }[] = [];
  const waiters = new Set<Waiter>();
  const flows = new Set<S3Flow>();
  let [first, heldBytes, sequence] = [0, 0, 0];
  const live = (): SpyRecord[] => held.slice(first).map(({ record }) => record);

  /** Drops from the front; the array is compacted only now and then, so that it costs O(1) a record. */
  const trim = (): void => {
    while (held.length - first > maxRecords || (heldBytes > maxBytes && held.length - first > 1)) {
      heldBytes -= held[first]?.bytes ?? 0;
      first += 1;
    }
    if (first > held.length / 2 && first > 1_000) {
      held.splice(0, first);
      first = 0;
    }
  };

  const next = async (
    predicate: SpyPredicate,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<SpyRecord | undefined> => {
    signal?.throwIfAborted();
    const found = live().find((record) => predicate(record));
    if (found !== undefined || timeoutMs <= 0) return found;
    return await new Promise<SpyRecord | undefined>((resolve, reject) => {
      const leave = (): void => {
        waiters.delete(waiter);
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const fail = (error: Error): void => {
        leave();
        reject(error);
      };
      const onAbort = (): void => fail(signal?.reason as Error);
      const waiter: Waiter = {
        see: (record) => {
          if (!predicate(record)) return;
          leave();
          resolve(record);
        },
        fail,
      };
      const timer = setTimeout(() => {
        leave();
        resolve(undefined);
      }, timeoutMs);
      waiters.add(waiter);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  };

  return {
    waitFor: async <R extends SpyRecord>(
      predicate: SpyPredicate<R>,
      { timeoutMs = 5_000, signal }: { timeoutMs?: number; signal?: AbortSignal } = {},
    ): Promise<R> => {
      const found = await next(predicate, timeoutMs, signal);
      if (found === undefined)
        throw new Error(`no record fits after ${timeoutMs} ms; the last of ${sequence}: ${tail(live())}`);
      return found as R;
    },
    expectNone: async (predicate, { withinMs = 0 } = {}) => {
      const found = await next(predicate, withinMs, undefined);
      if (found !== undefined) throw new Error(`expected no record to fit, got ${JSON.stringify(found)}`);
    },
    records: <K extends SpyRecord['kind']>(kind?: K) =>
      live().filter(
        (record): record is Extract<SpyRecord, { kind: K }> => kind === undefined || record.kind === kind,
      ),
    flows: () => [...flows],
    begin: (flow) => {
      flows.add(flow);
      return () => void flows.delete(flow);
    },
    clear: () => {
      held.length = 0;
      [first, heldBytes] = [0, 0];
    },
    record: (entry, bytes = 0) => {
      sequence += 1;
      const record: SpyRecord = Object.assign(entry, { sequence, atMs: clock.nowMs() });
      held.push({ record, bytes });
      heldBytes += bytes;
      trim();
      for (const waiter of waiters) waiter.see(record);
    },
    close: () => {
      for (const waiter of waiters) waiter.fail(new Error('the local stack was closed'));
    },
  };
}

function tail(records: readonly SpyRecord[]): string {
  return records
    .slice(-5)
    .map((record) => JSON.stringify(record))
    .join(', ');
}
