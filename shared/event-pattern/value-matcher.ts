import { BlockList, isIP } from 'node:net';

import { isRecord } from '../json.ts';
import { invalidPattern } from './invalid-pattern.ts';

/** One alternative of a pattern's leaf. */
export interface ValueMatcher {
  /** True if this value of the event matches. */
  readonly matches: (value: unknown) => boolean;
  /** Set by `exists` only: true asks that the field has no value, false that it has one. */
  readonly onAbsence?: boolean;
}

/** Bounds of numbers in patterns. @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html */
const NUMBER_LIMIT = 5_000_000_000;

type Test = (value: unknown) => boolean;

/**
 * Compiles one alternative: a literal, or an object with exactly one operator.
 * @param path where it stands, for the error.
 * @throws {EventPatternError}
 */
export function compileValueMatcher(alternative: unknown, path: string): ValueMatcher {
  if (Array.isArray(alternative)) throw invalidPattern(path, 'an array must not hold an array');
  if (!isRecord(alternative)) return { matches: equalTo(alternative) };
  const [operator, operand] = singleOperator(alternative, path);
  if (operator === 'exists') {
    if (typeof operand !== 'boolean')
      throw invalidPattern(path, 'exists match pattern must be either true or false');
    return { matches: () => operand, onAbsence: !operand };
  }
  return { matches: compileOperator(operator, operand, path) };
}

function compileOperator(operator: string, operand: unknown, path: string): Test {
  switch (operator) {
    case 'prefix':
    case 'suffix':
      return affix(operator, operand, path);
    case 'equals-ignore-case': {
      const wanted = text(operator, operand, path).toLowerCase();
      return (value) => typeof value === 'string' && value.toLowerCase() === wanted;
    }
    case 'wildcard':
      return wildcard(text(operator, operand, path), path);
    case 'numeric':
      return numeric(operand, path);
    case 'cidr':
      return cidr(operand, path);
    case 'anything-but':
      return anythingBut(operand, path);
    default:
      throw invalidPattern(path, `Unrecognized match type ${operator}`);
  }
}

function singleOperator(object: Record<string, unknown>, path: string): readonly [string, unknown] {
  const [first, ...more] = Object.entries(object);
  if (first === undefined || more.length > 0)
    throw invalidPattern(path, 'Only one key allowed in match expression');
  return first;
}

/** Literals compare without conversion: "1" is not 1; 1 and 1.0 are one number in JSON. */
function equalTo(wanted: unknown): Test {
  return (value) => value === wanted;
}

function text(operator: string, operand: unknown, path: string): string {
  if (typeof operand === 'string') return operand;
  throw invalidPattern(path, `${operator} match pattern must be a string`);
}

/** `{"prefix": "a"}`, or `{"prefix": {"equals-ignore-case": "a"}}`; the same for suffix. */
function affix(operator: 'prefix' | 'suffix', operand: unknown, path: string): Test {
  const folds = isRecord(operand);
  if (folds && singleOperator(operand, path)[0] !== 'equals-ignore-case')
    throw invalidPattern(path, `${operator} match pattern must be a string or equals-ignore-case`);
  const given = text(operator, folds ? operand['equals-ignore-case'] : operand, path);
  const fold = (value: string): string => (folds ? value.toLowerCase() : value);
  const wanted = fold(given);
  return operator === 'prefix'
    ? (value) => typeof value === 'string' && fold(value).startsWith(wanted)
    : (value) => typeof value === 'string' && fold(value).endsWith(wanted);
}

/** `*` stands for any run of characters; `\*` and `\\` for themselves. */
function wildcard(pattern: string, path: string): Test {
  const pieces: string[] = [''];
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern.charAt(at);
    if (character === '*') {
      if (pattern[at + 1] === '*') throw invalidPattern(path, 'Consecutive wildcard characters');
      pieces.push('');
      continue;
    }
    const escaped = character === '\\';
    if (escaped) at += 1;
    const literal = escaped ? pattern.charAt(at) : character;
    if (escaped && literal !== '*' && literal !== '\\')
      throw invalidPattern(path, 'Invalid escape character');
    pieces.push(`${pieces.pop() ?? ''}${literal}`);
  }
  return (value) => typeof value === 'string' && matchesPieces(value, pieces);
}

/** Leftmost search of each middle piece: linear backtracking-free matching. */
function matchesPieces(value: string, pieces: readonly string[]): boolean {
  const first = pieces[0] ?? '';
  if (pieces.length === 1) return value === first;
  const last = pieces.at(-1) ?? '';
  if (!value.startsWith(first) || !value.endsWith(last)) return false;
  const end = value.length - last.length;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = value.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return at <= end;
}

const COMPARISONS: Readonly<Record<string, (value: number, bound: number) => boolean>> = {
  '=': (value, bound) => value === bound,
  '<': (value, bound) => value < bound,
  '<=': (value, bound) => value <= bound,
  '>': (value, bound) => value > bound,
  '>=': (value, bound) => value >= bound,
};

/** `["=", 1]`, `[">", 0]`, or a range `[">=", 0, "<", 10]`. */
function numeric(operand: unknown, path: string): Test {
  if (!Array.isArray(operand) || (operand.length !== 2 && operand.length !== 4))
    throw invalidPattern(path, 'Value of numeric must be an array of one or two comparisons');
  const tests: ((value: number) => boolean)[] = [];
  for (let at = 0; at < operand.length; at += 2) {
    const [operator, bound] = [operand[at], operand[at + 1]] as [unknown, unknown];
    const compare = typeof operator === 'string' ? COMPARISONS[operator] : undefined;
    if (compare === undefined) throw invalidPattern(path, 'Unrecognized numeric range operator');
    if (typeof bound !== 'number' || Math.abs(bound) > NUMBER_LIMIT)
      throw invalidPattern(
        path,
        `Value of ${String(operator)} must be numeric, from -${NUMBER_LIMIT} to ${NUMBER_LIMIT}`,
      );
    tests.push((value) => compare(value, bound));
  }
  if (operand.length === 4) checkRange(operand as [string, number, string, number], path);
  return (value) => typeof value === 'number' && tests.every((test) => test(value));
}

function checkRange([low, from, high, to]: readonly [string, number, string, number], path: string): void {
  if (!low.startsWith('>') || !high.startsWith('<')) throw invalidPattern(path, 'Bad numeric range operator');
  if (from >= to) throw invalidPattern(path, 'Bottom must be less than top');
}

function cidr(operand: unknown, path: string): Test {
  const [address = '', bits = ''] = text('cidr', operand, path).split('/');
  const version = isIP(address);
  const prefix = Number(bits);
  if (version === 0 || !/^\d+$/.test(bits) || prefix > (version === 4 ? 32 : 128))
    throw invalidPattern(path, 'Malformed CIDR, one slash with an address before it is required');
  const list = new BlockList();
  list.addSubnet(address, prefix, version === 4 ? 'ipv4' : 'ipv6');
  return (value) =>
    typeof value === 'string' &&
    isIP(value) === version &&
    list.check(value, version === 4 ? 'ipv4' : 'ipv6');
}

/** Every value but those named: a literal, a list of strings or of numbers, or one inner operator over one or more strings. */
function anythingBut(operand: unknown, path: string): Test {
  if (isRecord(operand)) {
    const [operator, inner] = singleOperator(operand, path);
    if (!['prefix', 'suffix', 'equals-ignore-case', 'wildcard'].includes(operator))
      throw invalidPattern(path, `Unsupported anything-but pattern ${operator}`);
    const tests = alternatives(inner, path).map((one) => compileOperator(operator, one, path));
    return (value) => !tests.some((test) => test(value));
  }
  const values = alternatives(operand, path);
  if (!['string', 'number'].some((type) => values.every((value) => typeof value === type)))
    throw invalidPattern(path, 'anything-but list must hold only strings or only numbers');
  return (value) => !values.includes(value);
}

function alternatives(operand: unknown, path: string): readonly unknown[] {
  const list: readonly unknown[] = Array.isArray(operand) ? operand : [operand];
  if (list.length === 0) throw invalidPattern(path, 'Empty arrays are not allowed');
  return list;
}
