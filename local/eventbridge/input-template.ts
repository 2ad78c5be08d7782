import type { Envelope } from './envelope.ts';
import { validation } from './input.ts';
import { compilePath, type PathReader } from './json-path.ts';

/** What templates know beside the event. */
export interface TemplateContext {
  readonly ruleArn: string;
  readonly ruleName: string;
  /** When the bus got the event, epoch milliseconds. */
  readonly ingestedAtMs: number;
}

/** The filled template is no JSON, because a value put into a string is not escaped. */
export class InvalidJsonError extends Error {
  constructor() {
    super('The input template gives no valid JSON for this event.');
    this.name = 'InvalidJsonError';
  }
}

/** Variables in a template, and its length. @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_InputTransformer.html */
const [MAX_VARIABLES, MAX_TEMPLATE_LENGTH] = [100, 8_192];

/** Variables that need no path. */
const PREDEFINED: Readonly<Record<string, (event: Envelope, context: TemplateContext) => unknown>> = {
  'aws.events.rule-arn': (_event, { ruleArn }) => ruleArn,
  'aws.events.rule-name': (_event, { ruleName }) => ruleName,
  'aws.events.event.ingestion-time': (_event, { ingestedAtMs }) => new Date(ingestedAtMs).toISOString(),
  'aws.events.event.json': (event) => event,
  'aws.events.event': ({ detail: _detail, ...event }) => event,
};

type Value = (event: Envelope, context: TemplateContext) => unknown;

/** A run of the template's own text, or a variable and whether it stands in a JSON string. */
type Piece = string | { readonly value: Value; readonly quoted: boolean };

/**
 * Compiles an input transformer.
 *
 * A `<variable>` outside quotes becomes the JSON of its value; inside quotes its text, unescaped, as EventBridge
 * does it. A variable whose path the event does not have becomes the empty string. The result is minified.
 *
 * @throws {AwsError} ValidationException if a path, a variable or the template's JSON is wrong.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
 */
export function compileTemplate(
  transformer: { readonly InputPathsMap?: Readonly<Record<string, string>>; readonly InputTemplate: string },
  targetId: string,
): (event: Envelope, context: TemplateContext) => string {
  const { InputPathsMap: paths = {}, InputTemplate: template } = transformer;
  const refusal = (reason: string) =>
    validation(`Invalid InputTransformer for target ${targetId}: ${reason}.`);
  if (template.length > MAX_TEMPLATE_LENGTH) throw refusal('InputTemplate is too long');
  if (Object.keys(paths).length > MAX_VARIABLES) throw refusal(`more than ${MAX_VARIABLES} variables`);
  const readers = new Map<string, PathReader>();
  for (const [name, path] of Object.entries(paths)) {
    if (!/^[\w-]+$/.test(name)) throw refusal(`${name} is no name of a variable`);
    const reader = compilePath(path);
    if (reader === undefined) throw refusal(`the path of ${name} is not valid`);
    readers.set(name, reader);
  }
  const valueOf = (name: string): Value => {
    const reader = readers.get(name);
    const value = reader ?? (Object.hasOwn(PREDEFINED, name) ? PREDEFINED[name] : undefined);
    if (value === undefined) throw refusal(`${name} is not in InputPathsMap`);
    return value;
  };
  const pieces = split(template, valueOf);
  const sample = pieces.map((piece) => (typeof piece === 'string' ? piece : piece.quoted ? '' : 'null'));
  if (minified(sample.join('')) === undefined) throw refusal('InputTemplate is not valid JSON');
  return (event, context) => {
    const filled = pieces.map((piece) => (typeof piece === 'string' ? piece : fill(piece, event, context)));
    const text = minified(filled.join(''));
    if (text === undefined) throw new InvalidJsonError();
    return text;
  };
}

function fill(piece: Exclude<Piece, string>, event: Envelope, context: TemplateContext): string {
  const value = piece.value(event, context) ?? '';
  return piece.quoted && typeof value === 'string' ? value : JSON.stringify(value);
}

/** Cuts the template at its variables, minding which of them stand in strings. */
function split(template: string, valueOf: (name: string) => Value): readonly Piece[] {
  const pieces: Piece[] = [];
  let [quoted, last] = [false, 0];
  const token = /\\.|"|<([\w.-]+)>/gs;
  for (let found = token.exec(template); found !== null; found = token.exec(template)) {
    const [text, name] = found;
    if (text === '"') quoted = !quoted;
    if (name === undefined) continue;
    pieces.push(template.slice(last, found.index), { value: valueOf(name), quoted });
    last = token.lastIndex;
  }
  pieces.push(template.slice(last));
  return pieces;
}

function minified(text: string): string | undefined {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return undefined;
  }
}
