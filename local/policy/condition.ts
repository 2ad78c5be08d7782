import type { PolicyContext } from './context.ts';
import { MalformedPolicyError } from './malformed-policy.ts';
import { operatorOf, type Operator } from './operators.ts';

/** One line of a Condition block: an operator, a key and the values it may have. */
export interface Condition {
  readonly key: string;
  readonly values: readonly string[];
  /** Which values of a key with several must hold. */
  readonly set: 'ForAllValues' | 'ForAnyValue' | undefined;
  /** True if a request without the key passes. */
  readonly ifExists: boolean;
  /** `Null` has no operator: it asks whether the key is there. */
  readonly operator: Operator | 'Null';
}

/**
 * Reads a Condition block.
 * @throws {MalformedPolicyError} naming the operator, key or value that is wrong.
 */
export function readConditions(block: unknown): readonly Condition[] {
  if (block === undefined) return [];
  if (!isObject(block)) throw new MalformedPolicyError('Condition must be an object');
  return Object.entries(block).flatMap(([name, keys]) => {
    if (!isObject(keys))
      throw new MalformedPolicyError(`Condition ${name} must be an object of condition keys`);
    const kind = readOperator(name);
    return Object.entries(keys).map(([key, given]) => ({
      ...kind,
      key,
      values: readValues(name, kind.operator, given),
    }));
  });
}

/**
 * Judges one condition.
 * @param variables whether the policy's version has variables
 */
export function conditionHolds(condition: Condition, context: PolicyContext, variables: boolean): boolean {
  const { operator, key, values, set, ifExists } = condition;
  const actual = context.valuesOf(key);
  if (operator === 'Null')
    return values.some((value) => (value.toLowerCase() === 'true') === (actual === undefined));
  if (actual === undefined || actual.length === 0) {
    if (set === 'ForAllValues' || ifExists) return true;
    return set === undefined && operator.negated;
  }
  const fits = (value: string): boolean => {
    const any = values.some((expected) => operator.compare(value, expected, context, variables));
    return any !== operator.negated;
  };
  // Several values without a set operator: a deny or an allow by negation must hold for all of them
  const all = set === 'ForAllValues' || (set === undefined && operator.negated);
  return all ? actual.every((value) => fits(value)) : actual.some((value) => fits(value));
}

function readOperator(name: string): Pick<Condition, 'set' | 'ifExists' | 'operator'> {
  const match = /^(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?$/i.exec(name);
  const [, prefix, base = '', suffix] = match ?? [];
  const operator = base.toLowerCase() === 'null' ? 'Null' : operatorOf(base);
  if (operator === undefined || (operator === 'Null' && (suffix !== undefined || prefix !== undefined)))
    throw new MalformedPolicyError(`Invalid Condition type : ${name}`);
  const lower = prefix?.toLowerCase();
  const set = lower === undefined ? undefined : lower === 'forallvalues' ? 'ForAllValues' : 'ForAnyValue';
  return { set, ifExists: suffix !== undefined, operator };
}

function readValues(name: string, operator: Condition['operator'], given: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  const isValue = operator === 'Null' ? isBoolean : operator.isValue;
  return list.map((value) => {
    const scalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    const text = scalar ? String(value) : '';
    if (!scalar || isValue?.(text) === false) {
      throw new MalformedPolicyError(`Invalid value for Condition ${name}: ${JSON.stringify(value)}`);
    }
    return text;
  });
}

function isBoolean(text: string): boolean {
  return /^(?:true|false)$/i.test(text);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
