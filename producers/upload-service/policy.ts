import { z } from 'zod';
import { MAX_OBJECT_BYTES } from '../../shared/limits.ts';
import { isAllowedMediaType } from './media-type.ts';
import { UploadProblem } from './problem.ts';
import type { OpenUploads } from './quota.ts';
import { methodSchema, type OpenRequest } from './schema.ts';

const ruleSchema = z.strictObject({
  /** Exact names, families such as `image/*`, or `*`. SVG and HTML only by their own name. */
  mediaTypes: z.array(z.string().min(1)).min(1),
  /** In bytes. */
  maxSizeBytes: z.int().min(0).max(MAX_OBJECT_BYTES),
  /** Regular expression that the whole name must match. Default: any name. */
  namePattern: z.string().optional(),
  /** Default: all three. */
  methods: z.array(methodSchema).min(1).default(['put', 'post', 'multipart']),
});

const policySchema = z.strictObject({
  /** What may be uploaded, by the type of the event that is published for it. */
  types: z.record(z.string().regex(/^[A-Za-z0-9._-]{1,128}$/), ruleSchema),
  /** Uploads of one owner open at once. Default: 1,000. */
  maxOpenUploads: z.int().min(1).max(10_000).default(1_000),
  /** Bytes of all open uploads of one owner. Default: 1 TiB. */
  maxOpenBytes: z
    .int()
    .min(1)
    .default(1024 ** 4),
});

/** What the upload service takes, as it is configured. */
export type UploadPolicy = z.input<typeof policySchema>;

/** A policy, checked. */
export interface ResolvedUploadPolicy {
  /**
   * Checks a request before anything is made for it.
   * @throws {UploadProblem} that a person can read: type, media-type, too-large, name
   */
  check(request: OpenRequest): void;
  /** @throws {UploadProblem} quota */
  readonly checkQuota: (upload: Pick<OpenRequest, 'size'>, open: OpenUploads) => void;
  /** For pages that explain a refusal before a byte is sent. */
  readonly types: Readonly<
    Record<string, { readonly mediaTypes: readonly string[]; readonly maxSizeBytes: number }>
  >;
}

/**
 * Checks a policy.
 * @throws {TypeError} naming the field and what was expected
 */
export function resolveUploadPolicy(policy: UploadPolicy): ResolvedUploadPolicy {
  const parsed = policySchema.safeParse(policy);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new TypeError(`policy.${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'invalid'}`);
  }
  const { types, maxOpenUploads, maxOpenBytes } = parsed.data;
  const rules = new Map(
    Object.entries(types).map(([type, rule]) => [type, { ...rule, name: nameRule(type, rule.namePattern) }]),
  );
  return {
    types,
    check({ type, mediaType, size, name, method }) {
      const rule = rules.get(type);
      if (rule === undefined) {
        throw new UploadProblem('type', `type: got "${type}", expected ${[...rules.keys()].join(' or ')}.`);
      }
      if (!isAllowedMediaType(mediaType, rule.mediaTypes)) {
        throw new UploadProblem(
          'media-type',
          `"${name}" is ${mediaType}; taken are ${rule.mediaTypes.join(', ')}.`,
          { allowed: rule.mediaTypes },
        );
      }
      if (size > rule.maxSizeBytes) {
        throw new UploadProblem(
          'too-large',
          `"${name}" has ${size} bytes; the most that is taken is ${rule.maxSizeBytes} bytes.`,
          { maxSizeBytes: rule.maxSizeBytes },
        );
      }
      if (rule.name !== undefined && !rule.name.test(name)) {
        throw new UploadProblem('name', `"${name}" is not a name that is taken here.`, {
          pattern: rule.namePattern,
        });
      }
      if (method !== undefined && !rule.methods.includes(method)) {
        throw new UploadProblem(
          'bad-request',
          `method: got "${method}", expected ${rule.methods.join(' or ')} for type "${type}".`,
        );
      }
    },
    checkQuota: ({ size }, open) => {
      if (open.uploads + 1 > maxOpenUploads) {
        throw new UploadProblem('quota', `${open.uploads} uploads are open; finish or cancel some first.`, {
          maxOpenUploads,
        });
      }
      if (open.bytes + size > maxOpenBytes) {
        throw new UploadProblem('quota', `Open uploads have ${open.bytes} bytes; finish some first.`, {
          maxOpenBytes,
        });
      }
    },
  };
}

/**
 * Reads a policy from JSON.
 * @throws {SyntaxError} if it is no JSON
 * @throws {TypeError} naming the field and what was expected
 */
export function parseUploadPolicy(text: string): UploadPolicy {
  const policy = JSON.parse(text) as UploadPolicy;
  resolveUploadPolicy(policy);
  return policy;
}

function nameRule(type: string, pattern: string | undefined): RegExp | undefined {
  if (pattern === undefined) return undefined;
  try {
    return new RegExp(`^(?:${pattern})$`, 'u');
  } catch (error) {
    throw new TypeError(`policy.types.${type}.namePattern: got "${pattern}", expected a regular expression`, {
      cause: error,
    });
  }
}
