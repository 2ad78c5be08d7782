/** Which objects a rule is about; all that is given must fit. */
export interface LifecycleFilter {
  readonly prefix?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Exclusive, bytes. */
  readonly sizeGreaterThan?: number;
  /** Exclusive, bytes. */
  readonly sizeLessThan?: number;
}

/** A rule of a bucket's lifecycle configuration. */
export interface LifecycleRule {
  readonly id: string;
  readonly enabled: boolean;
  readonly filter: LifecycleFilter;
  /** How the filter was written, for GET to answer it so: the old `Prefix`, or `Filter`. */
  readonly style: 'prefix' | 'filter';
  readonly expirationDays?: number;
  /** Midnight UTC, epoch milliseconds. */
  readonly expirationDateMs?: number;
  readonly expiredObjectDeleteMarker?: boolean;
  readonly noncurrentDays?: number;
  readonly newerNoncurrentVersions?: number;
  readonly abortIncompleteDays?: number;
}

const DAY_MS = 86_400_000;

/**
 * The instant at which something is due: days later, and then the next midnight UTC.
 * @param sinceMs epoch milliseconds
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html#intro-lifecycle-rules-number-of-days
 */
export function dueAtMs(sinceMs: number, days: number): number {
  return Math.ceil((sinceMs + days * DAY_MS) / DAY_MS) * DAY_MS;
}

/** True if the instant is a midnight in UTC. */
export function isMidnight(ms: number): boolean {
  return ms % DAY_MS === 0;
}

/** True if a rule's filter covers an object. Delete markers and uploads have neither tags nor size. */
export function filterFits(
  filter: LifecycleFilter,
  object: {
    readonly key: string;
    readonly tags?: Readonly<Record<string, string>>;
    readonly sizeBytes?: number;
  },
): boolean {
  const { prefix = '', tags = {}, sizeGreaterThan, sizeLessThan } = filter;
  const { key, tags: own = {}, sizeBytes } = object;
  if (!key.startsWith(prefix)) return false;
  if (Object.entries(tags).some(([name, value]) => !Object.hasOwn(own, name) || own[name] !== value))
    return false;
  if (sizeGreaterThan !== undefined && !(sizeBytes !== undefined && sizeBytes > sizeGreaterThan))
    return false;
  return sizeLessThan === undefined || (sizeBytes !== undefined && sizeBytes < sizeLessThan);
}
