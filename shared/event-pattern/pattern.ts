import { isRecord, parseJson } from '../json.ts';
import { invalidPattern } from './invalid-pattern.ts';
import { compileValueMatcher, type ValueMatcher } from './value-matcher.ts';

/** True if the event, as EventBridge delivers it, matches. */
export type EventMatcher = (event: Readonly<Record<string, unknown>>) => boolean;

/** Longest event pattern, in characters. @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html */
export const MAX_PATTERN_LENGTH = 4_096;

/** Most combinations that the `$or` of a pattern may multiply to. @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-complex-example-or */
const MAX_COMBINATIONS = 1_000;

/** Tests one object of the event; `values` of a path through an array of objects are those of its elements. */
type NodeMatcher = (node: unknown) => boolean;

/**
 * Compiles an event pattern.
 *
 * A pattern is an object with the fields of the event it asks for. A leaf is an array of alternatives:
 * literal values, `null`, or match objects (`prefix`, `suffix`, `anything-but`, `numeric`, `exists`,
 * `equals-ignore-case`, `wildcard`, `cidr`). All fields must match; of a leaf, one alternative must match one of
 * the event's values; `$or` takes alternatives of several fields.
 *
 * @param pattern the pattern as JSON text or as an object.
 * @throws {EventPatternError} naming the path at fault.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
export function compilePattern(pattern: unknown): EventMatcher {
  const parsed = typeof pattern === 'string' ? parsePattern(pattern) : pattern;
  if (!isRecord(parsed)) throw invalidPattern('', 'the pattern must be a JSON object');
  if (combinations(parsed) > MAX_COMBINATIONS)
    throw invalidPattern('', `$or leads to more than ${MAX_COMBINATIONS} combinations of conditions`);
  return compileObject(parsed, '');
}

/** How many patterns without `$or` this one stands for. */
function combinations(pattern: unknown): number {
  if (!isRecord(pattern)) return 1;
  return Object.entries(pattern).reduce((product, [name, value]) => {
    if (name !== '$or' || !Array.isArray(value)) return product * combinations(value);
    return product * value.reduce((sum: number, alternative: unknown) => sum + combinations(alternative), 0);
  }, 1);
}

function parsePattern(text: string): unknown {
  if (text.length > MAX_PATTERN_LENGTH)
    throw invalidPattern('', `the pattern is longer than ${MAX_PATTERN_LENGTH} characters`);
  try {
    return parseJson(text);
  } catch {
    throw invalidPattern('', 'Invalid JSON');
  }
}

function compileObject(pattern: Record<string, unknown>, path: string): NodeMatcher {
  const fields = Object.entries(pattern);
  if (fields.length === 0) throw invalidPattern(path, 'an object must not be empty');
  const matchers = fields.map(([name, value]) =>
    name === '$or' ? compileOr(value, `${path}$or`, path) : compileField(name, value, path),
  );
  return (node) => matchers.every((matches) => matches(node));
}

/** `$or` holds two or more objects, each a pattern at the place where `$or` stands. */
function compileOr(value: unknown, orPath: string, path: string): NodeMatcher {
  if (!Array.isArray(value) || value.length < 2)
    throw invalidPattern(orPath, 'must be an array of two or more objects');
  const alternatives = value.map((alternative: unknown, index) => {
    if (!isRecord(alternative)) throw invalidPattern(`${orPath}[${index}]`, 'must be an object');
    return compileObject(alternative, path);
  });
  return (node) => alternatives.some((matches) => matches(node));
}

function compileField(name: string, value: unknown, parent: string): NodeMatcher {
  const path = `${parent}${name}`;
  if (isRecord(value)) {
    const inner = compileObject(value, `${path}.`);
    return (node) => objectsAt(node, name).some((child) => inner(child));
  }
  if (!Array.isArray(value)) throw invalidPattern(path, `"${name}" must be an object or an array`);
  if (value.length === 0) throw invalidPattern(path, 'Empty arrays are not allowed');
  const alternatives = value.map((alternative: unknown) => compileValueMatcher(alternative, path));
  return (node) => matchesLeaf(alternatives, valuesAt(node, name));
}

function matchesLeaf(alternatives: readonly ValueMatcher[], values: readonly unknown[]): boolean {
  const absent = values.length === 0;
  return alternatives.some(({ matches, onAbsence }) =>
    onAbsence === undefined ? values.some((value) => matches(value)) : onAbsence === absent,
  );
}

/** The scalars under `name`: those of an array are each a value; objects are none, for `exists` is about leaves. */
function valuesAt(node: unknown, name: string): readonly unknown[] {
  if (!isRecord(node) || !Object.hasOwn(node, name)) return [];
  const value = node[name];
  return (Array.isArray(value) ? (value as unknown[]).flat(Infinity) : [value]).filter(
    (item) => !isRecord(item),
  );
}

/**
 * What a nested pattern is tried on: the object under `name`, or each object in the array under it. Where
 * there is none, an empty one, so that `{"exists": false}` deep inside an absent object matches.
 */
function objectsAt(node: unknown, name: string): readonly unknown[] {
  const value = isRecord(node) && Object.hasOwn(node, name) ? node[name] : undefined;
  const objects = (Array.isArray(value) ? (value as unknown[]) : [value]).filter((item) => isRecord(item));
  return objects.length === 0 ? [{}] : objects;
}
