import * as z from 'zod';

/** A variable of JSON text; whoever takes the value checks its shape. */
export const jsonVariable = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.issues.push({ code: 'custom', message: 'expected JSON', input: text });
    return z.NEVER;
  }
});

/** What a function writes to its log at least. */
export const logLevelVariable = z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info');

/**
 * Reads a function's settings from its environment.
 * @throws {TypeError} naming the variable, and the field in it, that is wrong
 */
export function readFunctionEnvironment<S extends z.ZodType>(
  schema: S,
  env: Readonly<Record<string, string | undefined>>,
): z.output<S> {
  const parsed = schema.safeParse(env);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new TypeError(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`);
}
