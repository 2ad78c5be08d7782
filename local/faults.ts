import { validateFaultRule, type Fault, type FaultRule, type FaultTarget } from './fault-rule.ts';

export { armResponse } from './armed-response.ts';
export type { Fault, FaultRule, FaultTarget } from './fault-rule.ts';

/** Where tests say what goes wrong, and services ask whether it does. */
export interface FaultSwitch {
  /**
   * Adds a rule, and returns a function that removes it.
   *
   * Rules are independent: each counts its own matching requests, and a request that several hit gets the
   * faults of all, in the order of adding. Use `skip` to have one after the other.
   * @throws {TypeError|RangeError} if the rule is malformed.
   */
  add(rule: FaultRule): () => void;
  /** Removes every rule. `hits` stays. */
  clear(): void;
  /** The faults for this request; counts it against every rule that matches. Services call it once a request. */
  take(target: FaultTarget): readonly Fault[];
  /** Requests hit so far. */
  readonly hits: number;
}

interface ArmedRule {
  readonly match: NonNullable<FaultRule['match']>;
  readonly faults: readonly Fault[];
  skipsLeft: number;
  hitsLeft: number;
}

/**
 * Makes a switch with these rules.
 * @param rules in force from the start. @default - none
 * @throws {TypeError|RangeError} if a rule is malformed.
 * @example
 * faults.add({ match: { operation: 'GetObject' }, skip: 1, faults: { kind: 'cut', afterBytes: 1_000 } });
 */
export function createFaultSwitch(rules: readonly FaultRule[] = []): FaultSwitch {
  const armed = new Set<ArmedRule>();
  let hits = 0;

  const add = (rule: FaultRule): (() => void) => {
    const faults = validateFaultRule(rule);
    const entry = { match: rule.match ?? {}, faults, skipsLeft: rule.skip ?? 0, hitsLeft: rule.times ?? 1 };
    armed.add(entry);
    return () => void armed.delete(entry);
  };

  const take = (target: FaultTarget): readonly Fault[] => {
    const taken: Fault[] = [];
    for (const rule of armed) {
      if (!matches(rule.match, target)) continue;
      if (rule.skipsLeft > 0) {
        rule.skipsLeft -= 1;
        continue;
      }
      rule.hitsLeft -= 1;
      if (rule.hitsLeft <= 0) armed.delete(rule);
      taken.push(...rule.faults);
    }
    if (taken.length > 0) hits += 1;
    return taken;
  };

  for (const rule of rules) add(rule);
  return {
    add,
    clear: () => armed.clear(),
    take,
    get hits() {
      return hits;
    },
  };
}

function matches(match: NonNullable<FaultRule['match']>, target: FaultTarget): boolean {
  const { key, presigned, ...exact } = match;
  if (presigned !== undefined && presigned !== (target.presigned ?? false)) return false;
  if (typeof key === 'string' && key !== target.key) return false;
  // search() ignores lastIndex, so a /g pattern matches every time
  if (key instanceof RegExp && (target.key === undefined || target.key.search(key) < 0)) return false;
  return (['service', 'operation', 'method', 'bucket'] as const).every(
    (field) => exact[field] === undefined || exact[field] === target[field],
  );
}
