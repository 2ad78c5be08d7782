import { isRecord } from '../wire.ts';
import type { Envelope } from './envelope.ts';
import { validation, type Input } from './input.ts';
import { compileTemplate, type TemplateContext } from './input-template.ts';
import { compilePath } from './json-path.ts';

/** What a target gets instead of the event; at most one of the three. */
export interface TargetInput {
  /** This JSON text, always. */
  readonly Input?: string;
  /** The part of the event at this path. */
  readonly InputPath?: string;
  /** A template, filled with parts of the event. */
  readonly InputTransformer?: {
    readonly InputPathsMap?: Readonly<Record<string, string>>;
    readonly InputTemplate: string;
  };
}

/** Writes the body of the message that a target gets. @throws {InvalidJsonError} if a template gives no JSON. */
export type BodyWriter = (event: Envelope, context: TemplateContext) => string;

/** Longest `Input`, in characters. @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html */
const MAX_INPUT_LENGTH = 8_192;

/**
 * Reads a target's input fields.
 * @throws {AwsError} ValidationException
 */
export function readTargetInput(given: Input, id: string): TargetInput {
  const { Input: constant, InputPath: path, InputTransformer: transformer } = given;
  if ([constant, path, transformer].filter((field) => field !== undefined && field !== null).length > 1)
    throw validation(`Only one of Input, InputPath, or InputTransformer must be provided for target ${id}.`);
  if (typeof constant === 'string') {
    if (constant.length > MAX_INPUT_LENGTH || !isJson(constant))
      throw validation(`JSON syntax error in input for target ${id}`);
    return { Input: constant };
  }
  if (typeof path === 'string') {
    if (compilePath(path) === undefined) throw validation(`Invalid InputPath for target ${id}.`);
    return { InputPath: path };
  }
  if (!isRecord(transformer)) return {};
  const { InputPathsMap: paths, InputTemplate } = transformer;
  if (typeof InputTemplate !== 'string' || InputTemplate === '')
    throw validation(`Invalid InputTransformer for target ${id}: InputTemplate must not be empty.`);
  const texts = isRecord(paths) ? Object.entries(paths).map(([name, text]) => [name, String(text)]) : [];
  const InputPathsMap = Object.fromEntries(texts) as Record<string, string>;
  compileTemplate({ InputTemplate, InputPathsMap }, id);
  return { InputTransformer: { InputTemplate, InputPathsMap } };
}

/** Compiles a target's input, checked before: the event itself if it has none. */
export function compileTargetInput(input: TargetInput, id: string): BodyWriter {
  const { Input: constant, InputPath: path, InputTransformer: transformer } = input;
  if (constant !== undefined) return () => constant;
  if (transformer !== undefined) return compileTemplate(transformer, id);
  const reader = path === undefined ? undefined : compilePath(path);
  if (reader === undefined) return (event) => JSON.stringify(event);
  return (event) => JSON.stringify(reader(event) ?? null);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
