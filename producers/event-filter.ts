import type { Rejection } from '../shared/dead-letter.ts';
import type { Attachment, WaybillEvent } from '../shared/events/index.ts';
import { compilePattern } from '../shared/event-pattern/pattern.ts';
import { compileValueMatcher } from '../shared/event-pattern/value-matcher.ts';
import { nonEmptyString, numberInRange, show } from '../shared/options.ts';

/** Which events are wanted. All that is given must fit; of a list, one entry must. */
export interface EventFilterOptions {
  /** Globs; `*` stands for any run of characters: `invoice.*`. */
  readonly types?: readonly string[];
  /** Globs. */
  readonly sources?: readonly string[];
  /** Globs. */
  readonly subjects?: readonly string[];
  /** Event ids, whole. */
  readonly ids?: readonly string[];
  /** Globs; one attachment must fit name and sizes together. An event with a manifest is judged by the manifest. */
  readonly attachmentNames?: readonly string[];
  /** Inclusive, bytes. */
  readonly minAttachmentBytes?: number;
  /** Inclusive, bytes. */
  readonly maxAttachmentBytes?: number;
  /** Why it lies in a dead-letter queue: globs of the code, or a part of the reason's text in any case. */
  readonly reasons?: readonly string[];
  /** EventBridge event pattern, JSON text or object, over the event as EventBridge delivers it. */
  readonly pattern?: string | object;
}

/** What is known of an event, wherever it was found. */
export interface FilterSubject {
  /** Absent where the body could not be parsed. */
  readonly event?: WaybillEvent | undefined;
  /** As EventBridge delivers it; patterns are tried on this. */
  readonly envelope?: Readonly<Record<string, unknown>> | undefined;
  /** What the rejection says; stands in for an event that cannot be parsed. */
  readonly rejection?: Partial<Rejection> | undefined;
  readonly failure?: { readonly code: string; readonly reason?: string | undefined } | undefined;
}

/** Decides whether something is wanted. */
export interface EventFilter {
  /** True if nothing was asked, so that everything fits. */
  readonly matchesAll: boolean;
  matches(subject: FilterSubject): boolean;
}

type Test = (subject: FilterSubject) => boolean;

/**
 * Compiles a filter.
 * @throws {TypeError|RangeError} naming the field that is wrong
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
export function createEventFilter(options: EventFilterOptions = {}): EventFilter {
  const tests: Test[] = [];
  const globbed = (field: keyof EventFilterOptions, of: (subject: FilterSubject) => unknown): void => {
    const fits = globs(field, options[field]);
    if (fits !== undefined) tests.push((subject) => fits(of(subject)));
  };
  globbed('types', ({ event, rejection }) => event?.type ?? rejection?.type);
  globbed('sources', ({ event, rejection }) => event?.source ?? rejection?.source);
  globbed('subjects', ({ event }) => event?.subject);
  if (options.ids !== undefined) {
    const ids = new Set(list('ids', options.ids));
    tests.push(({ event, rejection }) => ids.has(event?.id ?? rejection?.eventId ?? ''));
  }
  const attachment = attachmentTest(options);
  if (attachment !== undefined) {
    tests.push(({ event }) => {
      if (event === undefined) return false;
      const { manifest, attachments } = event.data;
      return (manifest === undefined ? attachments : [manifest]).some(attachment);
    });
  }
  const reason = reasonTest(options.reasons);
  if (reason !== undefined) tests.push(reason);
  if (options.pattern !== undefined) {
    const fits = compilePattern(options.pattern);
    tests.push(({ envelope }) => envelope !== undefined && fits(envelope));
  }
  return { matchesAll: tests.length === 0, matches: (subject) => tests.every((test) => test(subject)) };
}

function attachmentTest(options: EventFilterOptions): ((attachment: Attachment) => boolean) | undefined {
  const named = globs('attachmentNames', options.attachmentNames);
  const bound = (field: 'minAttachmentBytes' | 'maxAttachmentBytes', fallback: number): number =>
    numberInRange(field, options[field] ?? fallback, { min: 0, max: Number.MAX_SAFE_INTEGER, unit: 'bytes' });
  const min = bound('minAttachmentBytes', 0);
  const max = bound('maxAttachmentBytes', Number.MAX_SAFE_INTEGER);
  if (min > max) {
    throw new RangeError(
      `minAttachmentBytes: got ${min}, expected at most maxAttachmentBytes, which is ${max}`,
    );
  }
  const asked = options.minAttachmentBytes !== undefined || options.maxAttachmentBytes !== undefined;
  if (named === undefined && !asked) return undefined;
  return ({ name, size }) => size >= min && size <= max && (named === undefined || named(name));
}

function reasonTest(reasons: readonly string[] | undefined): Test | undefined {
  const fitsCode = globs('reasons', reasons);
  if (reasons === undefined || fitsCode === undefined) return undefined;
  const parts = reasons.map((reason) => reason.toLowerCase());
  return ({ failure }) => {
    if (failure === undefined) return false;
    const text = failure.reason?.toLowerCase() ?? '';
    return fitsCode(failure.code) || parts.some((part) => text.includes(part));
  };
}

/** EventBridge's own wildcards, so that a glob here and a wildcard in a pattern mean the same. */
function globs(field: string, values: unknown): ((value: unknown) => boolean) | undefined {
  if (values === undefined) return undefined;
  const matchers = list(field, values).map((wildcard, index) =>
    compileValueMatcher({ wildcard }, `${field}[${index}]`),
  );
  return (value) => matchers.some(({ matches }) => matches(value));
}

function list(field: string, values: unknown): string[] {
  if (!Array.isArray(values) || values.length === 0)
    throw new TypeError(`${field}: got ${show(values)}, expected an array of one or more strings`);
  return values.map((value, index) => nonEmptyString(`${field}[${index}]`, value));
}
