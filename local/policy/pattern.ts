import type { PolicyContext } from './context.ts';

/** What a text of a policy means in one request; undefined if it names a variable that the request lacks. */
export type ResolvedPattern = RegExp | undefined;

/** How to read a text of a policy. */
export interface PatternOptions {
  /** `*` and `?` match any text and any character; else they are themselves. */
  readonly wildcards: boolean;
  /** `${…}` is a variable; else it is itself, as in policies of version 2008-10-17. */
  readonly variables: boolean;
  readonly ignoreCase?: boolean;
}

/** A variable, or a wildcard. */
const TOKEN = /\$\{([^}]*)\}|[*?]/g;

/**
 * Turns a text of a policy into an expression that matches whole values.
 *
 * What a variable brings in is literal: a `*` in a tag's value is no wildcard. `${*}`, `${?}` and `${$}` are
 * the characters themselves.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
 */
export function resolvePattern(
  text: string,
  context: PolicyContext,
  options: PatternOptions,
): ResolvedPattern {
  let [source, at] = ['', 0];
  for (const match of text.matchAll(TOKEN)) {
    const [token, inner] = match;
    const piece = inner === undefined ? wildcard(token, options) : variable(token, inner, context, options);
    if (piece === undefined) return undefined;
    source += literal(text.slice(at, match.index)) + piece;
    at = match.index + token.length;
  }
  return new RegExp(`^${source}${literal(text.slice(at))}$`, options.ignoreCase === true ? 'isu' : 'su');
}

function wildcard(token: string, { wildcards }: PatternOptions): string {
  if (!wildcards) return literal(token);
  return token === '*' ? '.*' : '.';
}

function variable(
  token: string,
  inner: string,
  context: PolicyContext,
  options: PatternOptions,
): string | undefined {
  if (!options.variables) {
    // Not a variable, so what stands in it is read like the rest
    return token.replaceAll(/[*?]|[^*?]+/g, (part) =>
      /^[*?]$/.test(part) ? wildcard(part, options) : literal(part),
    );
  }
  if (/^[*?$]$/.test(inner)) return literal(inner);
  const [, name = inner, fallback] = /^\s*([^,]*?)\s*,\s*'([^']*)'\s*$/.exec(inner) ?? [];
  const values = context.valuesOf(name.trim());
  const value = values?.length === 1 ? values[0] : fallback;
  return value === undefined ? undefined : literal(value);
}

function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, (char) => (char === '-' ? '\\x2d' : `\\${char}`));
}
