import { arnParts } from './arn.ts';
import type { PolicyContext } from './context.ts';
import { resolvePattern } from './pattern.ts';
import { inRange, readDate, readNumber, readRange } from './values.ts';

/** Compares one value of the request with one value of the policy. */
export type Comparison = (
  actual: string,
  expected: string,
  context: PolicyContext,
  variables: boolean,
) => boolean;

/** One family of condition operators. */
export interface Operator {
  readonly compare: Comparison;
  /** True for `…NotEquals` and the like: it holds if no value of the policy fits. */
  readonly negated: boolean;
  /** Judges a value of the policy when the policy is read. @default - any text */
  readonly isValue?: (text: string) => boolean;
}

const text =
  (options: { readonly wildcards: boolean; readonly ignoreCase?: boolean }): Comparison =>
  (actual, expected, context, variables) =>
    resolvePattern(expected, context, { ...options, variables })?.test(actual) ?? false;

const equals = text({ wildcards: false });
const equalsIgnoreCase = text({ wildcards: false, ignoreCase: true });
const like = text({ wildcards: true });

/** Each part of an ARN by itself: a wildcard does not cross a colon, but in the resource. */
const arnLike: Comparison = (actual, expected, context, variables) => {
  const [left, right] = [arnParts(actual), arnParts(expected)];
  return (
    left !== undefined &&
    right !== undefined &&
    left.every((part, at) => like(part, right[at] ?? '', context, variables))
  );
};

const ordered =
  (read: (text: string) => number | undefined, holds: (a: number, b: number) => boolean): Comparison =>
  (actual, expected) => {
    const [a, b] = [read(actual), read(expected)];
    return a !== undefined && b !== undefined && holds(a, b);
  };

/** Numeric and Date operators have the same names behind their family. */
function orderedFamily(family: 'Numeric' | 'Date', read: (text: string) => number | undefined) {
  const isValue = (value: string): boolean => read(value) !== undefined;
  const make = (holds: (a: number, b: number) => boolean, negated = false): Operator => ({
    compare: ordered(read, holds),
    negated,
    isValue,
  });
  return {
    [`${family}Equals`]: make((a, b) => a === b),
    [`${family}NotEquals`]: make((a, b) => a === b, true),
    [`${family}LessThan`]: make((a, b) => a < b),
    [`${family}LessThanEquals`]: make((a, b) => a <= b),
    [`${family}GreaterThan`]: make((a, b) => a > b),
    [`${family}GreaterThanEquals`]: make((a, b) => a >= b),
  };
}

const isRange = (value: string): boolean => readRange(value) !== undefined;
const bool = (actual: string, expected: string): boolean => actual.toLowerCase() === expected.toLowerCase();

const OPERATORS: Readonly<Record<string, Operator>> = {
  StringEquals: { compare: equals, negated: false },
  StringNotEquals: { compare: equals, negated: true },
  StringEqualsIgnoreCase: { compare: equalsIgnoreCase, negated: false },
  StringNotEqualsIgnoreCase: { compare: equalsIgnoreCase, negated: true },
  StringLike: { compare: like, negated: false },
  StringNotLike: { compare: like, negated: true },
  ...orderedFamily('Numeric', readNumber),
  ...orderedFamily('Date', readDate),
  Bool: { compare: bool, negated: false, isValue: (value) => /^(?:true|false)$/i.test(value) },
  BinaryEquals: {
    compare: (actual, expected) => actual === expected,
    negated: false,
    isValue: (value) => /^[A-Za-z0-9+/]*={0,2}$/.test(value),
  },
  IpAddress: { compare: inRange, negated: false, isValue: isRange },
  NotIpAddress: { compare: inRange, negated: true, isValue: isRange },
  ArnEquals: { compare: arnLike, negated: false },
  ArnLike: { compare: arnLike, negated: false },
  ArnNotEquals: { compare: arnLike, negated: true },
  ArnNotLike: { compare: arnLike, negated: true },
};

const BY_LOWER_NAME = new Map(
  Object.entries(OPERATORS).map(([name, operator]) => [name.toLowerCase(), operator]),
);

/**
 * The operator of this name, in upper or lower case, without `IfExists` and set prefixes.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
 */
export function operatorOf(name: string): Operator | undefined {
  return BY_LOWER_NAME.get(name.toLowerCase());
}
