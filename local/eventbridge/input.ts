import { AwsError } from '../aws-error.ts';
import { isRecord } from '../wire.ts';

/** The input of an action, as parsed from JSON. */
export type Input = Readonly<Record<string, unknown>>;

/** Default page, and the largest. @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListRules.html */
const MAX_PAGE = 100;

/** @throws {AwsError} ValidationException if the field is missing, or no string. */
export function requiredText(input: Input, field: string): string {
  const value = input[field];
  if (typeof value === 'string' && value !== '') return value;
  const at = `${field.charAt(0).toLowerCase()}${field.slice(1)}`;
  throw validation(
    `1 validation error detected: Value at '${at}' failed to satisfy constraint: Member must not be null`,
  );
}

/**
 * A name of a bus or rule.
 * @throws {AwsError} ValidationException
 */
export function requiredName(input: Input, field: string, maxLength: number): string {
  const name = requiredText(input, field);
  if (name.length <= maxLength && /^[.\-_A-Za-z0-9]+$/.test(name)) return name;
  throw validation(
    `1 validation error detected: Value '${name}' at '${field}' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+`,
  );
}

/** The field, if it is a non-empty string. */
export function optionalText(input: Input, field: string): string | undefined {
  const value = input[field];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The bus that a request means: by name or ARN, `default` if it names none. */
export function busNameOf(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value.replace(/^arn:.*:event-bus\//, '') : 'default';
}

/** The objects of a list. */
export function objects(value: unknown): readonly Input[] {
  return Array.isArray(value) ? value.filter((item) => isRecord(item)) : [];
}

/** A page of `items`, with the token for the next. */
export function paginate<T>(
  items: readonly T[],
  input: Input,
): { page: readonly T[]; more: { NextToken?: string } } {
  const limit = typeof input['Limit'] === 'number' ? input['Limit'] : MAX_PAGE;
  const token = optionalText(input, 'NextToken');
  const from = token === undefined ? 0 : Number(token);
  if (!Number.isInteger(from) || from < 0) throw validation('The NextToken is not valid.');
  const to = from + Math.max(1, Math.min(limit, MAX_PAGE));
  return { page: items.slice(from, to), more: to < items.length ? { NextToken: String(to) } : {} };
}

/** AWS's answer to malformed input. */
export function validation(message: string): AwsError {
  return new AwsError('ValidationException', message);
}
