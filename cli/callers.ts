import { z } from 'zod';
import { UsageError } from './errors.ts';

const callersSchema = z
  .array(
    z.strictObject({
      caller: z.string().regex(/^[A-Za-z0-9._-]{1,128}$/),
      accessKeyId: z.string().min(1),
      secretAccessKey: z.string().min(1),
      sessionToken: z.string().min(1).optional(),
      types: z.union([z.literal('*'), z.array(z.string().min(1))]),
      prefixes: z.array(z.string().min(1)).min(1),
    }),
  )
  .min(1);

/** Who may call the URL service: their keys, and their rights by caller name. */
export interface Callers {
  readonly identities: {
    caller: string;
    accessKeyId: string;
    secretAccessKey: string;
    sessionToken?: string;
  }[];
  readonly rights: Record<string, { types: '*' | string[]; prefixes: string[] }>;
}

/** @throws {UsageError} naming the caller's place and field; values are not shown, keys are among them */
export function parseCallers(value: unknown): Callers {
  const result = callersSchema.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new UsageError(
      `--callers (WAYBILL_CALLERS): [${issue?.path.join('.') ?? ''}]: ${issue?.message ?? 'invalid'}`,
    );
  }
  return {
    identities: result.data.map(({ caller, accessKeyId, secretAccessKey, sessionToken }) => ({
      caller,
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
    })),
    rights: Object.fromEntries(
      result.data.map(({ caller, types, prefixes }) => [caller, { types, prefixes }]),
    ),
  };
}
