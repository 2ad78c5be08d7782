import type { z } from 'zod';
import { EventParseError, type ParseIssue } from '../errors.ts';
import { MAX_SQS_MESSAGE_BYTES } from '../limits.ts';
import { redactText } from '../redact.ts';
import { Secret } from '../secret.ts';
import { eventSchema, manifestSchema, type Manifest, type WaybillEvent } from './schema.ts';

/** Most issues that one error lists; a hostile event may have a million. */
const MAX_ISSUES = 10;
/** Fields whose value is never shown, not even in part. */
const SECRET_PATHS = new Set(['url', 'claimCheck']);

/**
 * Parses an event: JSON text, or an object already parsed. Unknown fields are kept.
 * @param input JSON text of at most 1 MiB (the largest SQS message), or an object
 * @throws {EventParseError} listing, for each thing wrong, the path, the value and what was expected
 */
export function parseEvent(input: unknown): WaybillEvent {
  return checkAgainst(
    eventSchema,
    typeof input === 'string' ? parseJson(input, MAX_SQS_MESSAGE_BYTES) : input,
  );
}

/**
 * Parses the content of a manifest object.
 * @throws {EventParseError} like `parseEvent`
 */
export function parseManifest(text: string, maxBytes: number): Manifest {
  return checkAgainst(manifestSchema, parseJson(text, maxBytes));
}

/**
 * Parses JSON text within a size.
 * @throws {EventParseError} when it is too large or not JSON; the text itself is not shown
 */
export function parseJson(text: string, maxBytes: number): unknown {
  const bytes = text.length * 3 <= maxBytes ? 0 : Buffer.byteLength(text); // no character takes more than three
  if (bytes > maxBytes) {
    throw new EventParseError([{ path: '', value: `${bytes} bytes`, expected: `at most ${maxBytes} bytes` }]);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const start = JSON.stringify(redactText(text.slice(0, 24)));
    throw new EventParseError([{ path: '', value: `text that begins ${start}`, expected: 'JSON' }], {
      cause: error,
    });
  }
}

/**
 * Checks a value against a schema.
 * @param at path of the value inside the event, for messages; empty for the whole
 * @throws {EventParseError}
 */
export function checkAgainst<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  at = '',
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  // Of several issues at one place the last is the most exact: "an integer" before "at most 53687091200000".
  const byPath = new Map<string, ParseIssue>();
  for (const issue of result.error.issues.flatMap((each) => flatten(each))) {
    const described = describe(issue, value, at);
    if (byPath.size < MAX_ISSUES || byPath.has(described.path)) byPath.set(described.path, described);
  }
  throw new EventParseError([...byPath.values()]);
}

/** zod reports unknown keys as one issue at their parent; one issue each says more. */
function flatten(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'unrecognized_keys') return [issue];
  return issue.keys.map((key) => ({ ...issue, path: [...issue.path, key] }));
}

function describe(issue: z.core.$ZodIssue, root: unknown, at: string): ParseIssue {
  let value = root;
  for (const step of issue.path) value = (value as Record<PropertyKey, unknown> | undefined)?.[step];
  const last = issue.path.at(-1);
  const secret = value instanceof Secret || (typeof last === 'string' && SECRET_PATHS.has(last));
  return {
    path: formatPath(at, issue.path),
    value: secret && value !== undefined ? '[secret]' : shorten(value),
    expected: expectation(issue),
  };
}

function formatPath(at: string, path: readonly PropertyKey[]): string {
  let out = at;
  for (const step of path) {
    if (typeof step === 'number') out += `[${step}]`;
    else out += out === '' ? String(step) : `.${String(step)}`;
  }
  return out;
}

function shorten(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(typeof value === 'string' ? redactText(value.slice(0, 200)) : value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.expected === 'int' ? 'an integer' : issue.expected;
    case 'invalid_value':
      return issue.values.map((value) => JSON.stringify(value)).join(' or ');
    case 'too_small':
      return `${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}${unitOf(issue.origin)}`;
    case 'too_big':
      return `${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}${unitOf(issue.origin)}`;
    case 'unrecognized_keys':
      return 'no such field';
    case 'invalid_format':
      return issue.message.startsWith('Invalid') ? (FORMATS[issue.format] ?? issue.format) : issue.message;
    case 'custom':
    case 'invalid_element':
    case 'invalid_key':
    case 'invalid_union':
    case 'not_multiple_of':
      return issue.message;
  }
}

const FORMATS: Readonly<Record<string, string>> = {
  datetime: 'an RFC 3339 date and time such as 2026-01-31T12:00:00Z',
  url: 'an absolute http or https URL',
};

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'array' ? ' items' : '';
}
