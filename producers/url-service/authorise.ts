import * as z from 'zod';
import { isPrefix, isUnderPrefix } from '../../shared/key-prefix.ts';

/** What a caller wants a URL for; taken from a claim check whose signature is good. */
export interface AuthorisationRequest {
  /** The event's type. */
  readonly type: string;
  /** The producer that signed. */
  readonly issuer: string;
  readonly key: string;
  /** Logical store name. */
  readonly store: string;
}

/** Says whether a caller may have a URL. Pure and quick: it is asked for every item. */
export type Authorise = (caller: string, request: AuthorisationRequest) => boolean;

const callersSchema = z.record(
  z.string().min(1).max(128),
  z.strictObject({
    types: z.union([z.literal('*'), z.array(z.string().min(1))]),
    prefixes: z
      .array(z.string().refine(isPrefix, 'expected a key prefix such as payloads/<producer>/'))
      .min(1),
  }),
);

/** What each caller may have: event types, and prefixes of keys by whole segments. */
export type CallerTable = Readonly<
  Record<string, { readonly types: readonly string[] | '*'; readonly prefixes: readonly string[] }>
>;

/**
 * Authorises by a table; who is not in it may have nothing.
 * @throws {TypeError} naming the caller, the field and what was expected
 */
export function authoriseByTable(table: CallerTable): Authorise {
  const parsed = callersSchema.safeParse(table);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new TypeError(`callers.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`);
  }
  const callers = new Map(Object.entries(parsed.data));
  return (caller, { type, key }) => {
    const rights = callers.get(caller);
    if (rights === undefined) return false;
    const mayType = rights.types === '*' || rights.types.includes(type);
    return mayType && rights.prefixes.some((prefix) => isUnderPrefix(key, prefix));
  };
}
