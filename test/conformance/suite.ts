import type { World } from './world.ts';

/** One documented behaviour of S3. */
export interface ConformanceCase {
  /** Stable: `<suite>.<name>`. */
  readonly id: string;
  /** Page of AWS's documentation that says so. */
  readonly source: string;
  readonly check: (world: World) => Promise<void>;
}

type Check = ConformanceCase['check'];

/** A check whose source is not its suite's. */
export interface SourcedCheck {
  readonly source: string;
  readonly check: Check;
}

/** Cites another page than the suite's for one case. */
export function from(source: string, check: Check): SourcedCheck {
  return { source, check };
}

/**
 * Names a group of cases.
 * @param name begins the id of every case
 * @param source the page cited by cases that do not cite one of their own
 */
export function suite(
  name: string,
  source: string,
  checks: Readonly<Record<string, Check | SourcedCheck>>,
): readonly ConformanceCase[] {
  return Object.entries(checks).map(([key, value]) => ({
    id: `${name}.${key}`,
    ...(typeof value === 'function' ? { source, check: value } : value),
  }));
}
