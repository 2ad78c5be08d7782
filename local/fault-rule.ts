import { numberInRange, show } from '../shared/options.ts';

/**
 * One thing that goes wrong with one answer.
 *
 * `cut`, `stall`, `throttle`, `flip-byte` and `drop-response` act on the bytes of any answer. The others
 * are carried out by the service that answers, because only it knows its own words.
 */
export type Fault =
  /**
   * Destroys the connection: after exactly `afterBytes` body bytes, or `afterMs` milliseconds after the first
   * body byte, whichever comes first. With neither, after the headers and before the first body byte.
   */
  | { readonly kind: 'cut'; readonly afterBytes?: number; readonly afterMs?: number }
  /** Answers this status in the service's own error shape, without doing what was asked. */
  | { readonly kind: 'status'; readonly status: number; readonly code?: string; readonly message?: string }
  /** Sends exactly `afterBytes` body bytes, then nothing; the connection stays open until the client leaves. */
  | { readonly kind: 'stall'; readonly afterBytes: number }
  /** Sends body bytes no faster than this. */
  | { readonly kind: 'throttle'; readonly bytesPerSecond: number }
  /** Answers with an etag that is not the object's. */
  | { readonly kind: 'wrong-etag' }
  /** Answers 200 and the whole object to a request that asked for a range. */
  | { readonly kind: 'ignore-range' }
  /** Answers 206 with another range than the one asked for. */
  | { readonly kind: 'wrong-range' }
  /** Inverts every bit of the body byte at this offset of this response (not of the object). */
  | { readonly kind: 'flip-byte'; readonly at: number }
  /** Does what was asked, then destroys the connection instead of answering: not a byte is sent. */
  | { readonly kind: 'drop-response' }
  /** Treats the presigned URL as expired. */
  | { readonly kind: 'expire-now' }
  /** Answers exactly this, without doing what was asked. */
  | {
      readonly kind: 'reply';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    };

/** The request at hand, as rules see it. */
export interface FaultTarget {
  readonly service: 's3' | 'sqs' | 'events' | 'url-service';
  /** AWS action name: `GetObject`, `SendMessage`, `PutEvents`. */
  readonly operation: string;
  readonly method: string;
  readonly bucket?: string;
  readonly key?: string;
  /** True if the request is signed in its query. */
  readonly presigned?: boolean;
}

/** Which requests to hit, and with what. */
export interface FaultRule {
  /**
   * Every field given must fit.
   * @default - every request
   */
  readonly match?: {
    readonly service?: FaultTarget['service'];
    readonly operation?: string;
    readonly method?: string;
    readonly bucket?: string;
    /** The exact key, or a pattern found in it. */
    readonly key?: string | RegExp;
    readonly presigned?: boolean;
  };
  /**
   * Matching requests left alone first.
   * @default 0
   */
  readonly skip?: number;
  /**
   * How many requests are hit; `Infinity` for all.
   * @default 1
   */
  readonly times?: number;
  /** What happens to a request that is hit; several combine. */
  readonly faults: Fault | readonly Fault[];
}

/**
 * Checks a rule.
 * @throws {TypeError|RangeError} naming the field, the value given and what was expected.
 */
export function validateFaultRule(rule: FaultRule): readonly Fault[] {
  const { skip = 0, times = 1 } = rule;
  numberInRange('skip', skip, { min: 0, max: Number.MAX_SAFE_INTEGER });
  if (times !== Infinity) numberInRange('times', times, { min: 1, max: Number.MAX_SAFE_INTEGER });
  const faults = [rule.faults].flat() as readonly Fault[];
  if (faults.length === 0) throw new TypeError('faults: got an empty array, expected at least one fault');
  for (const fault of faults) validateFault(fault);
  return faults;
}

function validateFault(fault: Fault): void {
  const bytes = { min: 0, max: Number.MAX_SAFE_INTEGER, unit: 'bytes' };
  switch (fault.kind) {
    case 'cut':
      if (fault.afterBytes !== undefined) numberInRange('faults.afterBytes', fault.afterBytes, bytes);
      if (fault.afterMs !== undefined)
        numberInRange('faults.afterMs', fault.afterMs, { min: 0, max: 2 ** 31 - 1, unit: 'ms' });
      return;
    case 'stall':
      numberInRange('faults.afterBytes', fault.afterBytes, bytes);
      return;
    case 'throttle':
      numberInRange('faults.bytesPerSecond', fault.bytesPerSecond, { ...bytes, min: 1 });
      return;
    case 'flip-byte':
      numberInRange('faults.at', fault.at, bytes);
      return;
    case 'status':
    case 'reply':
      numberInRange('faults.status', fault.status, { min: 200, max: 599 });
      return;
    case 'wrong-etag':
    case 'ignore-range':
    case 'wrong-range':
    case 'drop-response':
    case 'expire-now':
      return;
    default:
      throw new TypeError(`faults.kind: got ${show((fault as Fault).kind)}, expected a known fault`);
  }
}
